// The area that a box and an anchor cover together, alone: what an nvcc makes of it is a few lines to look at.
#include "targets.h"

extern "C" __global__ void unions(const float *box, const float *block, float *areas) {
  using namespace dali_ssd;
  const int k = threadIdx.x;
  areas[k] = union_of(area_of(box), block, k, shared_of(box, block, k));
}
