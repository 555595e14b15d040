// One source for host and device.
//
// An algorithm is written for a team: a thread block on a device, a single thread on the host. A team is divided into
// warps of lanes; on the host a warp has one lane, which does the work of all. But for the sine, only this file knows the
// difference, so that the sanitizers and the oracle on the host see what a device runs.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define DALI_SSD_BOTH __host__ __device__ __forceinline__
#else
#define DALI_SSD_BOTH inline
#endif

namespace dali_ssd {

// Arithmetic of float32 that no compiler joins to a fused multiply-add: the host is compiled with -ffp-contract=off.
#ifdef __CUDA_ARCH__
DALI_SSD_BOTH float product(float a, float b) { return __fmul_rn(a, b); }
DALI_SSD_BOTH float sum(float a, float b) { return __fadd_rn(a, b); }
DALI_SSD_BOTH float difference(float a, float b) { return __fsub_rn(a, b); }
DALI_SSD_BOTH float quotient(float a, float b) { return __fdiv_rn(a, b); }
#else
DALI_SSD_BOTH float product(float a, float b) { return a * b; }
DALI_SSD_BOTH float sum(float a, float b) { return a + b; }
DALI_SSD_BOTH float difference(float a, float b) { return a - b; }
DALI_SSD_BOTH float quotient(float a, float b) { return a / b; }
#endif

// std::min and std::max are not for devices.
template <typename T>
DALI_SSD_BOTH T smaller(T a, T b) {
  return a < b ? a : b;
}
template <typename T>
DALI_SSD_BOTH T larger(T a, T b) {
  return a > b ? a : b;
}

DALI_SSD_BOTH int lowest_bit(uint32_t mask) {
#ifdef __CUDA_ARCH__
  return __ffs(mask) - 1;
#else
  return std::countr_zero(mask);
#endif
}

// The largest value, and of several equal ones that of the lowest number; no number is below 0.
struct Best {
  float value = 0;
  int number = -1;

  DALI_SSD_BOTH bool precedes(const Best &other) const {
    if (other.number < 0) return number >= 0;
    return number >= 0 && (value > other.value || (value == other.value && number < other.number));
  }
};

// The team of the host: one thread.
struct Thread {
  static constexpr int lanes = 1;
  static constexpr int rank = 0, size = 1, warp = 0, warps = 1, lane = 0;

  DALI_SSD_BOTH void sync() const {}
  DALI_SSD_BOTH uint32_t ballot(bool vote) const { return vote; }
  DALI_SSD_BOTH Best best(Best mine) const { return mine; }
};

#ifdef __CUDACC__
// The team of a device: a block of whole warps.
struct Block {
  static constexpr int lanes = 32;
  int rank, size, warp, warps, lane;

  __device__ Block()
      : rank(threadIdx.x), size(blockDim.x), warp(rank / lanes), warps(size / lanes), lane(rank % lanes) {}

  __device__ void sync() const { __syncthreads(); }
  __device__ uint32_t ballot(bool vote) const { return __ballot_sync(~0u, vote); }
  __device__ Best best(Best mine) const {
    for (int apart = lanes / 2; apart > 0; apart /= 2) {
      Best other{__shfl_xor_sync(~0u, mine.value, apart), __shfl_xor_sync(~0u, mine.number, apart)};
      if (other.precedes(mine)) mine = other;
    }
    __syncwarp();  // a shuffle is no promise that what the lanes have read before may be overwritten
    return mine;
  }
};
#endif

}  // namespace dali_ssd
