// The operator `ssd_render`: decoded region and plan of each image -> the network's input.
#include <cmath>
#include <vector>

#include "dali/core/cuda_error.h"
#include "dali/core/float16.h"
#include "dali/kernels/dynamic_scratchpad.h"
#include "dali/pipeline/data/views.h"
#include "dali/pipeline/operator/checkpointing/stateless_operator.h"
#include "dali/pipeline/operator/operator.h"
#include "device.h"
#include "render.h"

namespace dali_ssd {

template <>
DALI_SSD_BOTH dali::float16 rounded<dali::float16>(float value) {
#ifdef __CUDA_ARCH__
  return __float2half_rn(value);
#else
  return half_float::half_cast<half_float::half, std::round_to_nearest>(value);  // by default it cuts off
#endif
}

namespace {

using dali::CPUBackend;
using dali::float16;
using dali::GPUBackend;

constexpr int kWindow = DALI_SSD_WINDOW, kMirror = DALI_SSD_MIRROR, kFilter = DALI_SSD_FILTER, kColor = DALI_SSD_COLOR;
constexpr int kPlanSize = DALI_SSD_PLAN_SIZE;

template <typename T>
struct Work {
  Image<T> image;
  View view;
};

template <typename T>
__global__ void __launch_bounds__(kTileThreads) render_batch(const Work<T> *batch) {
  __shared__ Tile tile;
  const Work<T> &work = batch[blockIdx.z];
  render_tile(Block(), work.image, work.view, &tile, blockIdx.x * kTileWidth, blockIdx.y * kTileHeight);
}

constexpr float kFarthest = 1 << 24;  // of whole numbers that float32 holds, and beyond any view of a JPEG

View view_of(int sample, const uint8_t *pixels, const dali::TensorShape<> &shape, const float *plan, const int *region,
             int size) {
  DALI_ENFORCE(shape[2] == 3 && shape[0] == region[2] && shape[1] == region[3],
               dali::make_string("ssd_render: pixels of sample ", sample, " have the shape ", shape, " and the region is ",
                                 region[2], " x ", region[3]));
  const float *window = plan + kWindow;
  // Written so that it is false of NaN, too.
  const bool shows = -kFarthest < window[0] && window[0] < window[2] && window[2] < kFarthest &&
                     -kFarthest < window[1] && window[1] < window[3] && window[3] < kFarthest;
  DALI_ENFORCE(shows && 0 <= plan[kFilter] && plan[kFilter] < kFilters,
               dali::make_string("ssd_render: the plan of sample ", sample, " shows nothing, or by no filter"));
  DALI_ENFORCE(std::abs(static_cast<float>(region[0])) < kFarthest && std::abs(static_cast<float>(region[1])) < kFarthest,
               dali::make_string("ssd_render: the region of sample ", sample, " begins at ", region[0], ", ", region[1]));
  const int filter = static_cast<int>(plan[kFilter]);
  const auto axis = [&](int from, int begin, int length) {
    return axis_of(static_cast<int>(window[from]) - begin, static_cast<int>(window[from + 2]) - begin, length, size, filter);
  };
  View view{pixels, axis(1, region[0], region[2]), axis(0, region[1], region[3]), filter, plan[kMirror] > 0, {}};
  std::copy(plan + kColor, plan + kColor + 12, view.color);
  return view;
}

template <typename Backend>
class SsdRender : public dali::StatelessOperator<Backend> {
 public:
  explicit SsdRender(const dali::OpSpec &spec)
      : dali::StatelessOperator<Backend>(spec),
        size_(spec.GetArgument<int>("size")),
        layout_(spec.GetArgument<dali::TensorLayout>("layout")),
        dtype_(spec.GetArgument<dali::DALIDataType>("dtype")) {
    DALI_ENFORCE(size_ > 0 && size_ <= 65535, dali::make_string("ssd_render: size must be within 1..65535, not ", size_));
    DALI_ENFORCE(layout_ == "CHW" || layout_ == "HWC",
                 dali::make_string("ssd_render: layout must be CHW or HWC, not ", layout_.str()));
    DALI_ENFORCE(dtype_ == DALI_FLOAT || dtype_ == DALI_FLOAT16,
                 dali::make_string("ssd_render: dtype must be FLOAT or FLOAT16, not ", dtype_));
    if constexpr (std::is_same_v<Backend, GPUBackend>) require_code(spec, render_batch<float>);
  }

 protected:
  using dali::StatelessOperator<Backend>::RunImpl;

  bool SetupImpl(std::vector<dali::OutputDesc> &outputs, const dali::Workspace &ws) override {
    const auto &pixels = ws.Input<Backend>(0);
    DALI_ENFORCE(pixels.type() == DALI_UINT8 && pixels.shape().sample_dim() == 3,
                 "ssd_render: pixels must be uint8 with 3 dimensions");
    require_vectors(ws.Input<CPUBackend>(1), DALI_FLOAT, kPlanSize, "plans must be float32");
    require_vectors(ws.Input<CPUBackend>(2), DALI_INT32, 4, "regions must be int32");
    const int64_t size = size_;
    const auto shape = layout_ == "CHW" ? dali::TensorShape<3>{3, size, size} : dali::TensorShape<3>{size, size, 3};
    outputs = {{dali::uniform_list_shape(pixels.num_samples(), shape), dtype_}};
    return true;
  }

  void RunImpl(dali::Workspace &ws) override {
    ws.Output<Backend>(0).SetLayout(layout_);
    if (dtype_ == DALI_FLOAT16)
      Run<float16>(ws);
    else
      Run<float>(ws);
  }

 private:
  static void require_vectors(const dali::TensorList<CPUBackend> &input, dali::DALIDataType dtype, int length,
                              const char *what) {
    const auto &shape = input.shape();
    DALI_ENFORCE(input.type() == dtype && shape.sample_dim() == 1 && is_uniform(shape) &&
                     (shape.num_samples() == 0 || shape[0][0] == length),
                 dali::make_string("ssd_render: ", what, " of ", length, " numbers"));
  }

  template <typename T>
  std::vector<Work<T>> batch_of(dali::Workspace &ws) {
    const auto &pixels = ws.Input<Backend>(0);
    const auto &plans = ws.Input<CPUBackend>(1);
    const auto &regions = ws.Input<CPUBackend>(2);
    auto &images = ws.Output<Backend>(0);
    std::vector<Work<T>> batch(pixels.num_samples());
    const int64_t size = size_;
    for (size_t i = 0; i < batch.size(); i++) {
      T *out = images.template mutable_tensor<T>(i);
      batch[i].image = layout_ == "CHW" ? Image<T>{out, size_, size * size, size, 1} : Image<T>{out, size_, 1, 3 * size, 3};
      batch[i].view = view_of(i, pixels.template tensor<uint8_t>(i), pixels.tensor_shape(i), plans.tensor<float>(i),
                              regions.tensor<int>(i), size_);
    }
    return batch;
  }

  template <typename T>
  void Run(dali::Workspace &ws);

  int size_;
  dali::TensorLayout layout_;
  dali::DALIDataType dtype_;
};

template <>
template <typename T>
void SsdRender<CPUBackend>::Run(dali::Workspace &ws) {
  const auto batch = batch_of<T>(ws);
  auto &threads = ws.GetThreadPool();
  for (const auto &work : batch)
    threads.AddWork(
        [&work](int) {
          Tile tile;
          for (int top = 0; top < work.image.size; top += kTileHeight)
            for (int left = 0; left < work.image.size; left += kTileWidth)
              render_tile(Thread(), work.image, work.view, &tile, left, top);
        },
        static_cast<int64_t>(work.view.y.length) * work.view.x.length);
  threads.RunAll();
}

template <>
template <typename T>
void SsdRender<GPUBackend>::Run(dali::Workspace &ws) {
  const auto batch = batch_of<T>(ws);
  if (batch.empty()) return;
  dali::kernels::DynamicScratchpad scratch(dali::AccessOrder(ws.stream()));
  const auto [on_device] = scratch.ToContiguousGPU(ws.stream(), batch);  // from pinned memory: it waits for nothing
  const dim3 tiles((size_ + kTileWidth - 1) / kTileWidth, (size_ + kTileHeight - 1) / kTileHeight, batch.size());
  render_batch<<<tiles, kTileThreads, 0, ws.stream()>>>(on_device);
  CUDA_CALL(cudaGetLastError());
}

}  // namespace
}  // namespace dali_ssd

namespace dali {

DALI_REGISTER_OPERATOR(SsdRender, dali_ssd::SsdRender<CPUBackend>, CPU);
DALI_REGISTER_OPERATOR(SsdRender, dali_ssd::SsdRender<GPUBackend>, GPU);

DALI_SCHEMA(SsdRender)
    .DocStr(R"(Render what a plan shows of an image as the input of an SSD, in one pass over the pixels.

Inputs: pixels `(h, w, 3) uint8` RGB of the decoded region, on the operator's device; plans and regions, which stay on
the host whatever the device, as `dali_ssd.graph.plan` makes them.)")
    .NumInput(3)
    .InputDevice(1, 3, dali::InputDevice::CPU)
    .NumOutput(1)
    .AddArg("size", "Side of the output in pixels.", DALI_INT32)
    .AddOptionalArg("layout", "CHW or HWC.", TensorLayout("CHW"))
    .AddOptionalTypeArg("dtype", "FLOAT or FLOAT16.", DALI_FLOAT);

}  // namespace dali
