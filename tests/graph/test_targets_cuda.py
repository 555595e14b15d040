"""The CUDA encoder against the CPU's, in Numba's simulator: Python threads run the very source of the kernel."""

import os
import subprocess
import sys

import numpy as np

SCRIPT = """
import numpy as np
from numba import cuda
from dali_ssd.graph import targets_cuda
from dali_ssd.graph.targets import anchor_tables, encode_targets

targets_cuda.THREADS = 8
random = np.random.RandomState(int({seed}))

def anchors_of(count):
    cells = np.stack(np.meshgrid(np.arange(count), np.arange(count)), axis=2).reshape(-1, 2) * 16.0 + 8
    sizes = np.array([[16, 16], [32, 32], [24, 48]], np.float32)
    pairs = [np.concatenate([cell, size]) for cell in cells for size in sizes]
    return np.array(pairs, np.float32)

anchors = anchors_of(4)
tables = anchor_tables(anchors)
settings = np.array([0.5, 0.1, 0.1, 0.2, 0.2], np.float32)
total = 0
for case in range({cases}):
    count = case % 6
    # Whole pixels and few sizes: ties and boxes with the same best anchor abound.
    low = random.randint(0, 48, (count, 2))
    boxes = np.concatenate([low, low + random.choice([4, 8, 16], (count, 2))], axis=1).astype(np.float32)
    ids = random.randint(0, 5, count)
    objects = np.full((count + 2, 5), -1, np.float32)
    objects[:count, :4], objects[:count, 4] = boxes, ids
    cls, box = np.empty(len(anchors), np.float32), np.empty((len(anchors), 4), np.float32)
    cuda.jit(targets_cuda.encode_image)[1, 8](
        cls, box, objects, targets_cuda.corners_of(tables), tables.centers, settings
    )
    wanted_cls, wanted_box = encode_targets(boxes, ids, anchors)
    np.testing.assert_array_equal(cls, wanted_cls)
    np.testing.assert_allclose(box, wanted_box, atol=1e-6)
    total += int((cls > 0).sum())
assert total > {cases}
print("positives", total)
"""


def simulate(seed: int, cases: int) -> str:
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(seed=seed, cases=cases)],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_kernel_matches_the_cpu_encoder_in_ties_and_conflicts() -> None:
    assert simulate(seed=1, cases=12).startswith("positives")


def test_the_corner_table_is_the_anchors_in_order() -> None:
    from dali_ssd.graph.targets import anchor_tables
    from dali_ssd.graph.targets_cuda import corners_of

    anchors = np.random.RandomState(0).uniform(5, 50, (45, 4)).astype(np.float32)
    corners = corners_of(anchor_tables(anchors))
    assert corners.shape == (5, 45)
    np.testing.assert_allclose(corners[0], anchors[:, 0] - anchors[:, 2] / 2, rtol=1e-6)
    np.testing.assert_allclose(corners[4], anchors[:, 2] * anchors[:, 3], rtol=1e-5)
