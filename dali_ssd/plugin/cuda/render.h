// Render: source pixels of the visible part -> the network's input.
//
// Resample, place on the mean-color canvas, mirror, change the color, normalize and lay out, as dali_ssd/kernels/render.py
// and filters.py describe it. What differs is the division of the work: a team renders a tile of the output, for whose
// columns and rows it first writes the filter's weights into memory that all of its threads see.
#pragma once

#include "team.h"

namespace dali_ssd {

enum Filter {
  kNearest = DALI_SSD_NEAREST,
  kLinear = DALI_SSD_LINEAR,
  kCubic = DALI_SSD_CUBIC,
  kArea = DALI_SSD_AREA,
  kLanczos = DALI_SSD_LANCZOS,
};

constexpr int kTileWidth = 32, kTileHeight = 8;
constexpr int kTileThreads = kTileWidth * kTileHeight;
constexpr int kFilters = kLanczos + 1;  // how many there are
constexpr float kPi = 3.14159265f;
constexpr int kMostTaps = 6;  // Lanczos'; area, which may take any number, has no table

// One axis of the view, in pixels of the decoded region, whose own pixels are 0..length-1. Between `low` and `high` lies
// what the view shows; what of that is not in the region is canvas.
struct Axis {
  int low, high, length;
  double scale;  // source pixels per output pixel
  int taps;      // source pixels that an output pixel may take
};

struct View {
  const uint8_t *pixels;  // (y.length, x.length, 3) RGB
  Axis y, x;
  int filter;
  bool mirrored;
  float color[12];  // (3, 4), from RGB of 0..255 to the network's input
};

// The network's input: `size` pixels a side, and how far apart two channels, rows and columns are.
template <typename T>
struct Image {
  T *data;
  int size;
  int64_t channel, row, column;
};

// Convert to the type of the output, to the nearest value.
template <typename T>
DALI_SSD_BOTH T rounded(float value) {
  return value;
}

// The source pixels of `count` output pixels.
template <int count>
struct Taps {
  int first[count];
  float distance[count];            // of the first source pixel's center from the output pixel's
  float weights[kMostTaps][count];  // sum 1; for all filters but area
};

struct Tile {
  Taps<kTileWidth> x;
  Taps<kTileHeight> y;
};

// Half the width of a filter in source pixels.
DALI_SSD_BOTH double radius_of(int filter, double scale) {
  if (filter == kLanczos) return 3;
  if (filter == kCubic) return 2;
  if (filter == kArea) return 0.5 * (scale + 1);  // the output pixel's half and the source pixel's
  return 1;
}

inline Axis axis_of(int low, int high, int length, int size, int filter) {
  const double scale = static_cast<double>(high - low) / size;
  const int taps = filter == kNearest ? 1 : static_cast<int>(std::ceil(2 * radius_of(filter, scale)));
  return {low, high, length, scale, taps};
}

DALI_SSD_BOTH float cubic(float distance) {  // Keys' with a = -0.5
  const float x = fabsf(distance);
  if (x < 1) return (1.5f * x - 2.5f) * x * x + 1;
  return x < 2 ? ((-0.5f * x + 2.5f) * x - 4) * x + 2 : 0;
}

DALI_SSD_BOTH float sine_of_pi_times(float x) {
#ifdef __CUDA_ARCH__
  return sinpif(x);
#else
  return sinf(kPi * x);
#endif
}

DALI_SSD_BOTH float lanczos(float distance) {  // 3 sin(pi x) sin(pi x / 3) / (pi x)^2
  const float x = fabsf(distance);
  if (x < 1e-5f) return 1;
  return x < 3 ? 3 * sine_of_pi_times(x) * sine_of_pi_times(x / 3) / (kPi * kPi * x * x) : 0;
}

DALI_SSD_BOTH float weight_of(int filter, float distance) {
  if (filter == kLanczos) return lanczos(distance);
  if (filter == kCubic) return cubic(distance);
  return filter == kNearest ? 1 : larger(1 - fabsf(distance), 0.f);
}

// Find the first source pixel of an output pixel, and how far its center is away. In float64, and rounded as by the CPU's
// kernel, since `nearest` may be a tie.
DALI_SSD_BOTH int first_of(int filter, const Axis &axis, int output, float *distance) {
#ifdef __CUDA_ARCH__
  const double center = __dadd_rn(axis.low, __dmul_rn(output + 0.5, axis.scale));
#else
  const double center = axis.low + (output + 0.5) * axis.scale;
#endif
  const double first = floor(center - (filter == kNearest ? 0 : radius_of(filter, axis.scale) - 0.5));
  *distance = static_cast<float>(first + 0.5 - center);
  return static_cast<int>(first);
}

// Write the taps of the output pixels from `begin` on.
template <typename Team, int count>
DALI_SSD_BOTH void write_taps(const Team &team, Taps<count> *taps, int begin, int filter, const Axis &axis, int size,
                              bool mirrored) {
  for (int i = team.rank; i < count; i += team.size) {
    const int output = smaller(begin + i, size - 1);
    float distance;
    taps->first[i] = first_of(filter, axis, mirrored ? size - 1 - output : output, &distance);
    taps->distance[i] = distance;
    if (filter == kArea) continue;
    float total = 0;
    for (int k = 0; k < axis.taps; k++) total += taps->weights[k][i] = weight_of(filter, distance + k);
    for (int k = 0; k < axis.taps; k++) taps->weights[k][i] /= total;
  }
}

// The weights of one output pixel along an axis, from the table.
template <int count>
struct TableWeights {
  const Taps<count> &taps;
  int at;

  DALI_SSD_BOTH TableWeights(const Taps<count> &taps, int at, const Axis &) : taps(taps), at(at) {}
  DALI_SSD_BOTH float operator[](int k) const { return taps.weights[k][at]; }
};

// The weights of `area`: which part of the output pixel a source pixel covers.
template <int count>
struct AreaWeights {
  float distance, radius, whole, share;

  DALI_SSD_BOTH AreaWeights(const Taps<count> &taps, int at, const Axis &axis)
      : distance(taps.distance[at]),
        radius(radius_of(kArea, axis.scale)),
        whole(smaller(axis.scale, 1.)),
        share(1 / static_cast<float>(axis.scale)) {}
  DALI_SSD_BOTH float operator[](int k) const {
    return share * larger(smaller(radius - fabsf(distance + k), whole), 0.f);
  }
};

// Sums of the red, green and blue of the source pixels, and of the weights of those that are not canvas.
struct Sums {
  float red = 0, green = 0, blue = 0, cover = 0;
};

// Return where the source pixel of a tap is, or -1 if it is canvas. A filter that reaches beyond the view repeats the
// view's edge.
DALI_SSD_BOTH int source_of(int pixel, const Axis &axis) {
  const int at = smaller(larger(pixel, axis.low), axis.high - 1);
  return at < 0 || at >= axis.length ? -1 : at;
}

template <template <int> typename Weights>
DALI_SSD_BOTH Sums resample(const View &view, const Tile &tile, int column, int row) {
  const Weights<kTileWidth> across(tile.x, column, view.x);
  const Weights<kTileHeight> down(tile.y, row, view.y);
  Sums sums;
  for (int j = 0; j < view.y.taps; j++) {
    const int y = source_of(tile.y.first[row] + j, view.y);
    if (y < 0) continue;
    const uint8_t *line = view.pixels + static_cast<int64_t>(3) * view.x.length * y;
    const float weight = down[j];
    for (int i = 0; i < view.x.taps; i++) {
      const int x = source_of(tile.x.first[column] + i, view.x);
      if (x < 0) continue;
      const float part = weight * across[i];
      const uint8_t *pixel = line + static_cast<int64_t>(3) * x;
      sums.red += part * pixel[0];
      sums.green += part * pixel[1];
      sums.blue += part * pixel[2];
      sums.cover += part;
    }
  }
  return sums;
}

// Render the tile whose first pixel is at `left`, `top`.
template <typename Team, typename T>
DALI_SSD_BOTH void render_tile(const Team &team, const Image<T> &image, const View &view, Tile *tile, int left,
                               int top) {
  write_taps(team, &tile->x, left, view.filter, view.x, image.size, view.mirrored);
  write_taps(team, &tile->y, top, view.filter, view.y, image.size, false);
  team.sync();
  for (int i = team.rank; i < kTileThreads; i += team.size) {
    const int column = i % kTileWidth, row = i / kTileWidth;
    if (left + column >= image.size || top + row >= image.size) continue;
    const Sums sums = view.filter == kArea ? resample<AreaWeights>(view, *tile, column, row)
                                           : resample<TableWeights>(view, *tile, column, row);
    T *out = image.data + (top + row) * image.row + (left + column) * image.column;
    for (int c = 0; c < 3; c++) {
      const float *m = view.color + 4 * c;
      out[c * image.channel] = rounded<T>(m[0] * sums.red + m[1] * sums.green + m[2] * sums.blue + m[3] * sums.cover);
    }
  }
}

}  // namespace dali_ssd
