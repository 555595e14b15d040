#!/usr/bin/env python3
"""Run the operators of the image's plugin on the CPU, where the results are known; docker/test.sh mounts this file."""

import sys
from pathlib import Path

import numpy as np

from dali_ssd import encode_targets
from dali_ssd.config import TargetConfig
from dali_ssd.kernels import plan
from dali_ssd.kernels.targets import anchor_tables
from dali_ssd.plugin import prepare_plugin

folder = Path(sys.argv[1])
path = prepare_plugin()
assert path.parent == folder, f"{path} is not in {folder}"

from nvidia.dali import fn, pipeline_def, types  # noqa: E402 - the operators are there once the plugin is loaded

SIZE = 64
pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
region = np.array([0, 0, SIZE, SIZE], np.int32)
mirrored = np.zeros(plan.PLAN_SIZE, np.float32)
mirrored[plan.WINDOW : plan.WINDOW + 4] = 0, 0, SIZE, SIZE
mirrored[plan.MIRROR] = 1
mirrored[plan.COLOR :] = np.eye(3, 4).ravel()

anchors = np.array([[x, y, 16, 24] for x in range(8, SIZE, 8) for y in range(8, SIZE, 8)], np.float32)
boxes, ids = np.array([[4, 4, 20, 30], [30, 10, 60, 50]], np.float32), np.array([3, 0])
tables, config = anchor_tables(anchors), TargetConfig()


@pipeline_def(batch_size=2, num_threads=2, device_id=None)
def both():
    """Return pixels (3, SIZE, SIZE), cls_targets (N,) and box_targets (N, 4), all float32."""
    image = fn.ssd_render(*map(types.Constant, (pixels, mirrored, region)), size=SIZE)
    objects = types.Constant(np.column_stack([boxes, ids]).astype(np.float32))
    lists = {name: np.ravel(getattr(tables, name)).tolist() for name in ("blocks", "bounds", "centers")}
    return image, *fn.ssd_targets(objects, **lists, iou_threshold=config.iou_threshold, stds=list(config.stds))


pipeline = both()
pipeline.build()
image, *targets = (np.array(output.as_tensor())[1] for output in pipeline.run())
np.testing.assert_allclose(image, pixels.transpose(2, 0, 1)[:, :, ::-1], atol=1e-3)
for made, expected in zip(targets, encode_targets(boxes, ids, anchors, config), strict=True):
    np.testing.assert_allclose(made, expected, atol=1e-5)
assert targets[0].any(), "no anchor has an object"
print(f"{path}: its operators give what they should")
