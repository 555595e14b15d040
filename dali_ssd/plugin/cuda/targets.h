// Targets: the object that each anchor is trained on, and its offset from the anchor.
//
// The rules, and why each operation is rounded to float32 by itself, are those of dali_ssd/kernels/targets.py; the
// matches are the same to the tie. What differs is the division of the work: a warp looks for the best anchor of a box,
// and then, with all of its lanes, for the best box of the anchors of a block.
#pragma once

#include "team.h"

namespace dali_ssd {

// Anchors that are compared, or skipped, together: one for each lane of a warp, one bit for each in a word.
constexpr int kBlock = DALI_SSD_BLOCK;
static_assert(kBlock == 32, "the anchors of a block are the lanes of a warp and the bits of a word");

// GluonCV's tolerance for "equal".
constexpr float kTie = 1e-12f;

struct Anchors {
  const float *blocks;   // (blocks, 5, kBlock): corners and area
  const float *bounds;   // (blocks, 4): the corners around all anchors of a block
  const float *centers;  // (count, 4): center, width, height
  int count;

  DALI_SSD_BOTH int num_blocks() const { return (count + kBlock - 1) / kBlock; }
};

struct Matching {
  float iou_threshold;
  float stds[4];
};

struct Objects {
  const float *rows;  // (count, 5) xmin ymin xmax ymax id in network pixels
  int count;

  DALI_SSD_BOTH const float *operator[](int number) const { return rows + 5 * static_cast<int64_t>(number); }
};

struct Targets {
  float *classes;  // (anchors,)
  float *offsets;  // (anchors, 4)
};

// What a team notes of one image, in memory that all of its threads see.
struct Notes {
  Best *best;       // of each box, its best anchor that is still free
  float *highest;   // of each box, its highest IoU with any anchor
  int *own;         // of each box, the anchor that is its own, or -1
  uint32_t *taken;  // of each block, the anchors that are some box's own
  int *chosen;      // the box that has just been given an anchor, or -1

  static DALI_SSD_BOTH int64_t bytes(int objects, int blocks) {
    return static_cast<int64_t>(objects) * (sizeof(Best) + sizeof(float) + sizeof(int)) +
           static_cast<int64_t>(blocks) * sizeof(uint32_t) + sizeof(int);
  }

  static DALI_SSD_BOTH Notes in(void *memory, int objects, int blocks) {
    Notes notes;
    notes.best = static_cast<Best *>(memory);
    notes.highest = reinterpret_cast<float *>(notes.best + objects);
    notes.own = reinterpret_cast<int *>(notes.highest + objects);
    notes.taken = reinterpret_cast<uint32_t *>(notes.own + objects);
    notes.chosen = reinterpret_cast<int *>(notes.taken + blocks);
    return notes;
  }
};

DALI_SSD_BOTH float area_of(const float *box) {
  return product(difference(box[2], box[0]), difference(box[3], box[1]));
}

// The area that a box shares with anchor k of a block.
DALI_SSD_BOTH float shared_of(const float *box, const float *block, int k) {
  float width = difference(smaller(block[2 * kBlock + k], box[2]), larger(block[k], box[0]));
  float height = difference(smaller(block[3 * kBlock + k], box[3]), larger(block[kBlock + k], box[1]));
  return product(larger(width, 0.f), larger(height, 0.f));
}

// The area that both cover together.
DALI_SSD_BOTH float union_of(float box_area, const float *block, int k, float shared) {
  return difference(sum(block[4 * kBlock + k], box_area), shared);
}

DALI_SSD_BOTH float iou_of(const float *box, float area, const float *block, int k) {
  const float shared = shared_of(box, block, k);
  return quotient(shared, union_of(area, block, k, shared));
}

DALI_SSD_BOTH bool apart(const float *box, const float *bounds) {
  return box[0] >= bounds[2] || box[2] <= bounds[0] || box[1] >= bounds[3] || box[3] <= bounds[1];
}

// Find, with one warp, the free anchor that a box has its highest IoU with; none if it overlaps no free anchor.
template <typename Team>
DALI_SSD_BOTH Best best_anchor(const Team &team, const float *box, const Anchors &anchors, const uint32_t *taken) {
  const float area = area_of(box);
  const int blocks = anchors.num_blocks();
  Best best;
  for (int from = 0; from < blocks; from += Team::lanes) {
    const int mine = from + team.lane;
    uint32_t near = team.ballot(mine < blocks && !apart(box, anchors.bounds + 4 * mine));
    for (; near; near &= near - 1) {
      const int block = from + lowest_bit(near);
      const float *corners = anchors.blocks + static_cast<int64_t>(5 * kBlock) * block;
      float iou[kBlock / Team::lanes];  // all at once, without branches, so that the host's compiler makes vectors of it
      for (int k = 0; k < kBlock / Team::lanes; k++) iou[k] = iou_of(box, area, corners, k * Team::lanes + team.lane);
      for (int k = 0; k < kBlock / Team::lanes; k++) {
        const int at = k * Team::lanes + team.lane;
        if (iou[k] > best.value && !(taken[block] >> at & 1)) best = {iou[k], block * kBlock + at};
      }
    }
  }
  return team.best(best);
}

// Choose, with one warp, the pair of highest IoU of all boxes without an anchor of their own. Equal pairs go by anchor,
// then by box.
template <typename Team>
DALI_SSD_BOTH int best_box(const Team &team, const Objects &objects, const Notes &notes) {
  Best pair;
  int box = -1;
  for (int i = team.lane; i < objects.count; i += Team::lanes)
    if (notes.own[i] < 0 && notes.best[i].precedes(pair)) {
      pair = notes.best[i];
      box = i;
    }
  const Best highest = team.best(pair);
  // Several lanes may have this pair: the lowest number is that of the first box.
  const bool mine = highest.number >= 0 && pair.number == highest.number && pair.value == highest.value;
  return team.best(mine ? Best{1, box} : Best{}).number;
}

// Give each box an anchor of its own, best pairs first.
template <typename Team>
DALI_SSD_BOTH void match(const Team &team, const Objects &objects, const Anchors &anchors, const Notes &notes) {
  while (true) {
    if (team.warp == 0) {
      const int box = best_box(team, objects, notes);
      if (team.lane == 0) {
        *notes.chosen = box;
        if (box >= 0) {
          const int anchor = notes.own[box] = notes.best[box].number;
          notes.taken[anchor / kBlock] |= 1u << anchor % kBlock;
        }
      }
    }
    team.sync();
    const int chosen = *notes.chosen;
    if (chosen < 0) break;
    for (int i = team.warp; i < objects.count; i += team.warps) {  // those that wanted the same anchor look again
      if (notes.own[i] >= 0 || notes.best[i].number != notes.own[chosen]) continue;
      const Best again = best_anchor(team, objects[i], anchors, notes.taken);
      if (team.lane == 0) notes.best[i] = again;
    }
    team.sync();
  }
}

DALI_SSD_BOTH void assign(const Targets &targets, int anchor, const float *box, const Anchors &anchors,
                          const Matching &matching) {
  const float *center = anchors.centers + 4 * static_cast<int64_t>(anchor);
  float *offset = targets.offsets + 4 * static_cast<int64_t>(anchor);
  const float width = box[2] - box[0], height = box[3] - box[1];
  targets.classes[anchor] = box[4] + 1;
  offset[0] = (box[0] + width * 0.5f - center[0]) / center[2] / matching.stds[0];
  offset[1] = (box[1] + height * 0.5f - center[1]) / center[3] / matching.stds[1];
  offset[2] = logf(width / center[2]) / matching.stds[2];
  offset[3] = logf(height / center[3]) / matching.stds[3];
}

// Write, with one warp, the targets of the anchors of a block, but for those that are a box's own.
template <typename Team>
DALI_SSD_BOTH void write_block(const Team &team, int block, const Targets &targets, const Objects &objects,
                               const Anchors &anchors, const Matching &matching, const float *highest) {
  constexpr int each = kBlock / Team::lanes;
  const float *corners = anchors.blocks + static_cast<int64_t>(5 * kBlock) * block;
  float best[each];
  int box[each];
  for (int k = 0; k < each; k++) {
    best[k] = 0;
    box[k] = -1;
  }
  for (int i = 0; i < objects.count; i++) {
    if (apart(objects[i], anchors.bounds + 4 * block)) continue;
    const float area = area_of(objects[i]);
    for (int k = 0; k < each; k++) {
      const float iou = iou_of(objects[i], area, corners, k * Team::lanes + team.lane);
      box[k] = iou > best[k] ? i : box[k];
      best[k] = iou > best[k] ? iou : best[k];
    }
  }
  for (int k = 0; k < each; k++) {
    const int anchor = block * kBlock + k * Team::lanes + team.lane;
    if (anchor >= anchors.count) continue;
    if (box[k] >= 0 && (sum(best[k], kTie) >= highest[box[k]] || best[k] >= matching.iou_threshold)) {
      assign(targets, anchor, objects[box[k]], anchors, matching);
      continue;
    }
    targets.classes[anchor] = 0;
    for (int c = 0; c < 4; c++) targets.offsets[4 * static_cast<int64_t>(anchor) + c] = 0;
  }
}

// Write the targets of one image.
template <typename Team>
DALI_SSD_BOTH void encode(const Team &team, const Targets &targets, const Objects &objects, const Anchors &anchors,
                          const Matching &matching, const Notes &notes) {
  for (int block = team.rank; block < anchors.num_blocks(); block += team.size) notes.taken[block] = 0;
  for (int i = team.rank; i < objects.count; i += team.size) notes.own[i] = -1;
  team.sync();
  for (int i = team.warp; i < objects.count; i += team.warps) {
    const Best best = best_anchor(team, objects[i], anchors, notes.taken);
    if (team.lane == 0) {
      notes.best[i] = best;
      notes.highest[i] = best.value;
    }
  }
  team.sync();
  match(team, objects, anchors, notes);
  for (int block = team.warp; block < anchors.num_blocks(); block += team.warps)
    write_block(team, block, targets, objects, anchors, matching, notes.highest);
  team.sync();
  for (int i = team.rank; i < objects.count; i += team.size)
    if (notes.own[i] >= 0) assign(targets, notes.own[i], objects[i], anchors, matching);
}

}  // namespace dali_ssd
