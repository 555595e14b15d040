// The operator `ssd_targets`: objects of each image -> cls_targets, box_targets.
#include <vector>

#include "dali/core/cuda_error.h"
#include "dali/core/mm/memory.h"
#include "dali/kernels/dynamic_scratchpad.h"
#include "dali/pipeline/data/views.h"
#include "dali/pipeline/operator/checkpointing/stateless_operator.h"
#include "dali/pipeline/operator/operator.h"
#include "device.h"
#include "targets.h"

namespace dali_ssd {
namespace {

using dali::CPUBackend;
using dali::GPUBackend;

constexpr int kThreads = 512;
constexpr int kBlocksAtOnce = 2;  // of a multiprocessor; without this number nvcc spills registers for 86 and 89
// Notes of an image with more objects lie in global memory. 16 KB: 955 objects of SSD300, 831 of SSD512.
constexpr int64_t kSharedBytes = 16 << 10;

struct Work {
  Targets targets;
  int64_t first_object;  // in the objects of all images
  int count;
  int64_t notes;  // where the notes lie in global memory; below 0: in shared memory
};

__global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    encode_batch(const Work *batch, const float *rows, char *notes, Anchors anchors, Matching matching) {
  extern __shared__ int64_t shared[];
  const Work &work = batch[blockIdx.x];
  void *memory = work.notes < 0 ? static_cast<void *>(shared) : notes + work.notes;
  encode(Block(), work.targets, {rows + 5 * work.first_object, work.count}, anchors, matching,
         Notes::in(memory, work.count, anchors.num_blocks()));
}

// The anchors' tables in the backend's memory.
class Tables {
 public:
  Tables(const dali::OpSpec &spec, bool on_device) {
    const auto blocks = spec.GetRepeatedArgument<float>("blocks");
    const auto bounds = spec.GetRepeatedArgument<float>("bounds");
    const auto centers = spec.GetRepeatedArgument<float>("centers");
    anchors_.count = static_cast<int>(centers.size() / 4);
    const size_t num_blocks = anchors_.num_blocks();
    DALI_ENFORCE(anchors_.count > 0 && centers.size() == 4 * static_cast<size_t>(anchors_.count) &&
                     bounds.size() == 4 * num_blocks && blocks.size() == 5 * kBlock * num_blocks,
                 dali::make_string("ssd_targets: blocks, bounds and centers have ", blocks.size(), ", ", bounds.size(),
                                   " and ", centers.size(),
                                   " numbers, which are not those of dali_ssd.kernels.targets.anchor_tables"));
    values_.reserve(blocks.size() + bounds.size() + centers.size());
    for (const auto *part : {&blocks, &bounds, &centers}) values_.insert(values_.end(), part->begin(), part->end());
    const float *data = on_device ? uploaded(spec.GetArgument<int>("device_id")) : values_.data();
    anchors_.blocks = data;
    anchors_.bounds = data + blocks.size();
    anchors_.centers = anchors_.bounds + bounds.size();
  }

  const Anchors &anchors() const { return anchors_; }

 private:
  // Waits until the copy is there, but only here, where the pipeline is being built.
  const float *uploaded(int device) {
    dali::DeviceGuard guard(device);
    const size_t bytes = values_.size() * sizeof(float);
    on_device_ = dali::mm::alloc_raw_unique<float, dali::mm::memory_kind::device>(values_.size());
    CUDA_CALL(cudaMemcpyAsync(on_device_.get(), values_.data(), bytes, cudaMemcpyHostToDevice, nullptr));
    CUDA_CALL(cudaStreamSynchronize(nullptr));
    return on_device_.get();
  }

  std::vector<float> values_;
  dali::mm::uptr<float> on_device_;
  Anchors anchors_;
};

Matching matching_of(const dali::OpSpec &spec) {
  Matching matching{spec.GetArgument<float>("iou_threshold"), {}};
  const auto stds = spec.GetRepeatedArgument<float>("stds");
  DALI_ENFORCE(stds.size() == 4, dali::make_string("ssd_targets: stds has ", stds.size(), " numbers instead of 4"));
  std::copy(stds.begin(), stds.end(), matching.stds);
  return matching;
}

// The objects of an image: its rows before the first one whose id is below 0.
Objects objects_of(const dali::ConstSampleView<CPUBackend> &sample) {
  const float *rows = sample.data<float>();
  const int most = static_cast<int>(sample.shape()[0]);
  int count = 0;
  while (count < most && rows[5 * static_cast<int64_t>(count) + 4] >= 0) count++;
  return {rows, count};
}

template <typename Backend>
class SsdTargets : public dali::StatelessOperator<Backend> {
 public:
  explicit SsdTargets(const dali::OpSpec &spec)
      : dali::StatelessOperator<Backend>(spec),
        tables_(spec, std::is_same_v<Backend, GPUBackend>),
        matching_(matching_of(spec)) {
    if constexpr (std::is_same_v<Backend, GPUBackend>) require_code(spec, encode_batch);
  }

 protected:
  using dali::StatelessOperator<Backend>::RunImpl;

  bool SetupImpl(std::vector<dali::OutputDesc> &outputs, const dali::Workspace &ws) override {
    const auto &objects = ws.Input<CPUBackend>(0);
    const auto &shape = objects.shape();
    DALI_ENFORCE(objects.type() == DALI_FLOAT && shape.sample_dim() == 2,
                 "ssd_targets: objects must be float32 with 2 dimensions");
    for (int i = 0; i < shape.num_samples(); i++)
      DALI_ENFORCE(shape[i][1] == 5, dali::make_string("ssd_targets: objects of sample ", i, " have ", shape[i][1],
                                                       " columns instead of 5"));
    const int64_t anchors = tables_.anchors().count;
    outputs = {{dali::uniform_list_shape(shape.num_samples(), {anchors}), DALI_FLOAT},
               {dali::uniform_list_shape(shape.num_samples(), {anchors, int64_t{4}}), DALI_FLOAT}};
    return true;
  }

  void RunImpl(dali::Workspace &ws) override;

 private:
  Targets targets_of(dali::Workspace &ws, int sample) {
    return {ws.Output<Backend>(0).template mutable_tensor<float>(sample),
            ws.Output<Backend>(1).template mutable_tensor<float>(sample)};
  }

  Tables tables_;
  Matching matching_;
};

template <>
void SsdTargets<CPUBackend>::RunImpl(dali::Workspace &ws) {
  const auto &input = ws.Input<CPUBackend>(0);
  auto &threads = ws.GetThreadPool();
  for (int i = 0; i < input.num_samples(); i++) {
    const Objects objects = objects_of(input[i]);
    threads.AddWork(
        [this, objects, targets = targets_of(ws, i)](int) {
          const Anchors &anchors = tables_.anchors();
          const int64_t bytes = Notes::bytes(objects.count, anchors.num_blocks());
          std::vector<int64_t> memory(bytes / sizeof(int64_t) + 1);
          encode(Thread(), targets, objects, anchors, matching_,
                 Notes::in(memory.data(), objects.count, anchors.num_blocks()));
        },
        objects.count);
  }
  threads.RunAll();
}

template <>
void SsdTargets<GPUBackend>::RunImpl(dali::Workspace &ws) {
  const auto &input = ws.Input<CPUBackend>(0);
  const int samples = input.num_samples();
  if (samples == 0) return;
  const Anchors &anchors = tables_.anchors();
  std::vector<Work> batch(samples);
  std::vector<float> rows;
  int64_t shared_bytes = 0, global_bytes = 0;
  for (int i = 0; i < samples; i++) {
    const Objects objects = objects_of(input[i]);
    batch[i] = {targets_of(ws, i), static_cast<int64_t>(rows.size()) / 5, objects.count, -1};
    rows.insert(rows.end(), objects.rows, objects[objects.count]);
    const int64_t bytes = Notes::bytes(objects.count, anchors.num_blocks());
    if (bytes <= kSharedBytes) {
      shared_bytes = std::max(shared_bytes, bytes);
    } else {
      batch[i].notes = global_bytes;
      global_bytes += (bytes + 15) & ~int64_t{15};
    }
  }
  rows.push_back(0);  // so that there is something to copy
  dali::kernels::DynamicScratchpad scratch(dali::AccessOrder(ws.stream()));
  // One copy, from pinned memory, so that it waits for nothing.
  const auto [work, objects] = scratch.ToContiguousGPU(ws.stream(), batch, rows);
  char *notes = scratch.AllocateGPU<char>(global_bytes, 16);
  encode_batch<<<samples, kThreads, shared_bytes, ws.stream()>>>(work, objects, notes, anchors, matching_);
  CUDA_CALL(cudaGetLastError());
}

}  // namespace
}  // namespace dali_ssd

namespace dali {

DALI_REGISTER_OPERATOR(SsdTargets, dali_ssd::SsdTargets<CPUBackend>, CPU);
DALI_REGISTER_OPERATOR(SsdTargets, dali_ssd::SsdTargets<GPUBackend>, GPU);

DALI_SCHEMA(SsdTargets)
    .DocStr(R"(Encode objects as the training targets of an SSD, by the rules of GluonCV's `SSDTargetGenerator`.

The objects stay on the host, whatever the device: float32 rows `xmin ymin xmax ymax id` in network pixels, up to the
first with an id below 0. Outputs cls_targets `(N,)`, 0 background, else id + 1, and box_targets `(N, 4)`, both float32.)")
    .NumInput(1)
    .InputDevice(0, dali::InputDevice::CPU)
    .NumOutput(2)
    .AddArg("blocks", "Corners and area of the anchors, by blocks, as of `anchor_tables`.", DALI_FLOAT_VEC)
    .AddArg("bounds", "Corners around the anchors of each block.", DALI_FLOAT_VEC)
    .AddArg("centers", "Center, width and height of each anchor.", DALI_FLOAT_VEC)
    .AddArg("iou_threshold", "Least IoU of an anchor with its best object, for it to learn that object.", DALI_FLOAT)
    .AddArg("stds", "Divisors of the four offsets.", DALI_FLOAT_VEC);

}  // namespace dali
