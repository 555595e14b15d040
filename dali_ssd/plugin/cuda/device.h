// What the operators need of a GPU.
#pragma once

#include <cuda_runtime.h>

#include "dali/core/device_guard.h"
#include "dali/pipeline/operator/operator.h"

namespace dali_ssd {

// Refuse a GPU that this library has no code for; its first launch would fail with words for nobody.
template <typename Kernel>
void require_code(const dali::OpSpec &spec, Kernel *kernel) {
  const int device = spec.GetArgument<int>("device_id");
  dali::DeviceGuard guard(device);
  cudaFuncAttributes attributes;
  const cudaError_t found = cudaFuncGetAttributes(&attributes, kernel);
  DALI_ENFORCE(found == cudaSuccess,
               dali::make_string("the plugin has no code for GPU ", device, " (", cudaGetErrorString(found),
                                 "): run `dali-ssd build-plugin --rebuild` on this machine and start a new process, or give "
                                 "plugin='off'"));
}

}  // namespace dali_ssd
