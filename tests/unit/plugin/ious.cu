// What rounding decides ties, alone: what an nvcc makes of it is little enough to look at.
#include "targets.h"

using namespace dali_ssd;

// The search of a box's best anchor, as the operator has it.
extern "C" __global__ void searches(const float *box, Anchors anchors, const uint32_t *taken, Best *found) {
  found[threadIdx.x] = best_anchor(Block(), box, anchors, taken);
}

// Without the division, which machine code makes of fused operations.
extern "C" __global__ void unions(const float *box, const float *block, float *areas) {
  const int k = threadIdx.x;
  areas[k] = union_of(area_of(box), block, k, shared_of(box, block, k));
}
