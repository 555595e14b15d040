"""Pictures of anchors: those of each layer of the network, and those that an object makes positive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dali_ssd.anchors import VGG_SHAPES, vgg_anchors
from dali_ssd.boxes import decode, iou
from dali_ssd.config import TargetConfig
from dali_ssd.graph.targets import encode_targets
from dali_ssd.kernels.targets import anchor_corners
from tools.docs_pictures.paper import INK, outline, sheet, show
from tools.docs_pictures.record import View, views_of

__all__ = ["layers", "positives"]

_SIDE = 300
_OBJECTS = ("#d1495b", "#00798c", "#b5651d", "#6a4c93", "#2f7d32")


def layers(shard: Path) -> Figure:
    """Draw the centers of each layer's anchors on an input, and all anchors of the cell in its middle."""
    pale = (_whole_view(shard).pixels * 0.35 + 255 * 0.62).astype(np.uint8)
    anchors = vgg_anchors(_SIDE)
    figure, panels = sheet(2, 3, 5.9)
    begin = 0
    for panel, layer in zip(panels, VGG_SHAPES[_SIDE], strict=True):
        each = len(layer.ratios) + 1
        own = anchors[begin : begin + layer.cells**2 * each]
        begin += len(own)
        show(panel, pale, f"{layer.cells} x {layer.cells} x {each}")
        centers = np.unique(own[:, :2], axis=0)
        panel.plot(*centers.T, ".", color=INK, markersize=1.2 if layer.cells > 12 else 4)
        middle = (layer.cells // 2 * layer.cells + layer.cells // 2) * each
        for box in anchor_corners(own[middle : middle + each]):
            outline(panel, box, "#d1495b", linewidth=1.8)
        panel.set(xlim=(-20, _SIDE + 20), ylim=(_SIDE + 20, -20))
    return figure


def positives(shard: Path) -> Figure:
    """Draw the positive anchors of a view, each in the color of the object that it is trained on."""
    view = _whole_view(shard)
    anchors, config = vgg_anchors(_SIDE), TargetConfig()
    boxes, ids = view.objects[:, :4], view.objects[:, 4]
    classes, offsets = encode_targets(boxes, ids, anchors, config)
    positive = classes > 0
    learned = decode(offsets[positive].astype(np.float64), anchors[positive].astype(np.float64), config.stds)
    owners = iou(learned, boxes.astype(np.float64)).argmax(axis=1)
    figure, (first, second) = sheet(1, 2, 4.3)
    show(first, view.pixels, f"{len(boxes)} objects")
    show(second, (view.pixels * 0.45 + 255 * 0.5).astype(np.uint8), f"{positive.sum()} of {len(anchors)} anchors")
    for corners, owner in zip(anchor_corners(anchors[positive]), owners, strict=True):
        outline(second, corners, _OBJECTS[owner % len(_OBJECTS)], linewidth=1.3)
    for number, box in enumerate(boxes):
        color = _OBJECTS[number % len(_OBJECTS)]
        outline(first, box, color, f"{(owners == number).sum()}", linewidth=3)
    second.set(xlim=(0, _SIDE), ylim=(_SIDE, 0))
    return figure


def _whole_view(shard: Path) -> View:
    """Return a view that shows the whole record and nothing around it."""
    stored, made = views_of(shard, 40)
    height, width = stored.image.shape[:2]
    return next(view for view in made if view.window.tolist() == [0, 0, width, height] and not view.mirrored)
