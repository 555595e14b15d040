// Runs the plugin's algorithms on the host, apart from DALI, so that sanitizers can watch.
//
//   host targets|render WARPS LANES < cases > results
//
// With one warp of one lane the team is that of the operators' CPU backend. With more, each lane is a thread, and a race
// between the warps of a device is one between threads. 32 lanes to a warp take the same turns as a device's; what they
// tell each other orders their memory as well, so races between the lanes of a warp are not seen.
#include <sys/mman.h>

#include <array>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "render.h"
#include "targets.h"

namespace {

using namespace dali_ssd;

// What the threads of a warp tell each other.
template <int count>
struct Warp {
  std::barrier<> together{count};
  std::array<Best, count> bests;
  std::array<bool, count> votes;
};

// A team of threads, with as many lanes to a warp as a device has, or one.
template <int count>
struct Threads {
  static constexpr int lanes = count;
  int rank, size, warp, warps, lane;
  std::barrier<> *all;
  Warp<count> *mine;

  Threads(int rank, int size, std::barrier<> *all, Warp<count> *of_team)
      : rank(rank), size(size), warp(rank / lanes), warps(size / lanes), lane(rank % lanes), all(all),
        mine(of_team + warp) {}

  void sync() const { all->arrive_and_wait(); }
  uint32_t ballot(bool vote) const {
    uint32_t mask = 0;
    exchange(mine->votes, vote, [&](bool other, int from) { mask |= uint32_t{other} << from; });
    return mask;
  }
  Best best(Best of_lane) const {
    Best highest;
    exchange(mine->bests, of_lane, [&](const Best &other, int) { highest = other.precedes(highest) ? other : highest; });
    return highest;
  }

 private:
  template <typename Values, typename Value, typename Take>
  void exchange(Values &values, const Value &value, const Take &take) const {
    values[lane] = value;
    mine->together.arrive_and_wait();
    for (int from = 0; from < lanes; from++) take(values[from], from);
    mine->together.arrive_and_wait();
  }
};

struct Shape {
  int warps, lanes;
};

template <int lanes, typename Work>
void as_threads(int warps, const Work &work) {
  const int size = warps * lanes;
  std::barrier<> all(size);
  const auto of_team = std::make_unique<Warp<lanes>[]>(warps);
  std::vector<std::thread> running;
  for (int rank = 0; rank < size; rank++)
    running.emplace_back([&, rank] { work(Threads<lanes>(rank, size, &all, of_team.get())); });
  for (auto &thread : running) thread.join();
}

template <typename Work>
void as_team(const Shape &team, const Work &work) {
  if (team.lanes == 32)
    as_threads<32>(team.warps, work);
  else if (team.warps > 1)
    as_threads<1>(team.warps, work);
  else
    work(Thread());
}

// Arrays of their exact length on the heap, so that the sanitizer sees any step beyond an end.
template <typename T>
std::unique_ptr<T[]> read(size_t count) {
  auto values = std::make_unique<T[]>(count);
  if (fread(values.get(), sizeof(T), count, stdin) != count) exit(2);
  return values;
}

void write(const float *values, size_t count) {
  if (fwrite(values, sizeof(float), count, stdout) != count) exit(3);
}

void encode_case(const Shape &shape, int objects, int anchors) {
  const int blocks = (anchors + kBlock - 1) / kBlock;
  const auto numbers = read<float>(5);
  const auto corners = read<float>(size_t{5} * kBlock * blocks), bounds = read<float>(size_t{4} * blocks);
  const auto centers = read<float>(size_t{4} * anchors), rows = read<float>(size_t{5} * objects);
  Matching matching{numbers[0], {}};
  std::memcpy(matching.stds, &numbers[1], sizeof matching.stds);
  const auto classes = std::make_unique<float[]>(anchors), offsets = std::make_unique<float[]>(size_t{4} * anchors);
  const auto memory = std::make_unique<int32_t[]>(Notes::bytes(objects, blocks) / sizeof(int32_t));
  const Notes notes = Notes::in(memory.get(), objects, blocks);
  as_team(shape, [&](const auto &team) {
    encode(team, {classes.get(), offsets.get()}, {rows.get(), objects},
           {corners.get(), bounds.get(), centers.get(), anchors}, matching, notes);
  });
  write(classes.get(), anchors);
  write(offsets.get(), size_t{4} * anchors);
}

// Pixels of a region that is mostly black: memory of its size is promised by the system, but not taken.
uint8_t *dark_region(size_t bytes) {
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) exit(4);
  return static_cast<uint8_t *>(memory);
}

void render_case(const Shape &shape, const int32_t *head) {
  const int size = head[0], spots = head[9];
  const int filter = head[1];
  View view{nullptr, axis_of(head[3], head[4], head[5], size, filter), axis_of(head[6], head[7], head[8], size, filter),
            filter, head[2] > 0, {}};
  const auto color = read<float>(12);
  std::memcpy(view.color, color.get(), sizeof view.color);
  const size_t bytes = size_t{3} * view.y.length * view.x.length;
  std::unique_ptr<uint8_t[]> all;
  if (spots < 0) {
    all = read<uint8_t>(bytes);
    view.pixels = all.get();
  } else {
    uint8_t *pixels = dark_region(bytes);
    const auto lights = read<int32_t>(size_t{3} * spots);  // row, column, value
    for (int i = 0; i < spots; i++)
      std::memset(pixels + 3 * (size_t(lights[3 * i]) * view.x.length + lights[3 * i + 1]), lights[3 * i + 2], 3);
    view.pixels = pixels;
  }
  const size_t plane = size_t(size) * size;
  const auto out = std::make_unique<float[]>(3 * plane);
  const Image<float> image{out.get(), size, static_cast<int64_t>(plane), size, 1};
  for (int top = 0; top < size; top += kTileHeight)
    for (int left = 0; left < size; left += kTileWidth) {
      const auto tile = std::make_unique<Tile>();
      as_team(shape, [&](const auto &team) { render_tile(team, image, view, tile.get(), left, top); });
    }
  if (spots >= 0) munmap(const_cast<uint8_t *>(view.pixels), bytes);
  write(out.get(), 3 * plane);
}

}  // namespace

int main(int, char **arguments) {
  const bool render = !std::strcmp(arguments[1], "render");
  const Shape shape{std::atoi(arguments[2]), std::atoi(arguments[3])};
  const int length = render ? 10 : 2;
  for (int32_t head[10]; fread(head, sizeof(int32_t), length, stdin) == size_t(length);)
    render ? render_case(shape, head) : encode_case(shape, head[0], head[1]);
}
