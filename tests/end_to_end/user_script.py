"""A training script as users of GluonCV have them, with the README's diff applied.

    user_script.py train.rec val.rec CONTEXTS

It imports what GluonCV's train_ssd.py imports at its top; on today's Pythons that works after the first line only.
"""

from dali_ssd import TrainLoader  # isort: split

import sys
from typing import Any

import gluoncv as gcv
import mxnet as mx
from gluoncv import data as gdata
from gluoncv import utils as gutils
from gluoncv.data.batchify import Pad, Stack, Tuple
from gluoncv.data.transforms.presets.ssd import SSDDALIPipeline, SSDDefaultTrainTransform, SSDDefaultValTransform
from gluoncv.model_zoo import get_model
from gluoncv.utils.metrics.accuracy import Accuracy
from gluoncv.utils.metrics.coco_detection import COCODetectionMetric
from gluoncv.utils.metrics.voc_detection import VOC07MApMetric
from mxnet import autograd, gluon, nd
from mxnet.contrib import amp

gcv.utils.check_version("0.6.0")

IMPORTED = (amp, Accuracy, COCODetectionMetric, Pad, SSDDALIPipeline, SSDDefaultTrainTransform)
CLASSES, SIDE, BATCH = ["circle", "square"], 300, 2  # images a batch, over all contexts


def get_network(ctx: list[Any]) -> tuple[Any, Any]:
    net = get_model("ssd_300_mobilenet0.25_custom", classes=CLASSES, pretrained_base=False)
    net.initialize()
    net.collect_params().reset_ctx(ctx)
    with autograd.train_mode():
        anchors = net(nd.zeros((1, 3, SIDE, SIDE), ctx[0]))[2]
    return net, anchors


def train(net: Any, train_loader: Any) -> None:
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.001, "wd": 0.0005, "momentum": 0.9})
    mbox_loss = gcv.loss.SSDMultiBoxLoss()
    cross_entropy = mx.metric.Loss("CrossEntropy")
    net.hybridize(static_alloc=True, static_shape=True)
    for batch in train_loader:
        data, cls_targets, box_targets = batch
        with autograd.record():
            cls_preds, box_preds, _ = zip(*(net(x) for x in data), strict=True)
            sum_loss, cls_loss, _ = mbox_loss(cls_preds, box_preds, cls_targets, box_targets)
            autograd.backward(sum_loss)
        trainer.step(1)
        cross_entropy.update(0, [loss * BATCH for loss in cls_loss])
    name, loss = cross_entropy.get()
    print(f"{name}={loss:.3f}")


def validate(net: Any, val_record: str, ctx: list[Any]) -> None:
    """Score by GluonCV's own data set, DataLoader with workers, and metric."""
    dataset = gdata.RecordFileDetection(val_record)
    val_loader = gluon.data.DataLoader(
        dataset.transform(SSDDefaultValTransform(SIDE, SIDE)),
        BATCH,
        batchify_fn=Tuple(Stack(), Pad(pad_val=-1)),
        num_workers=2,
    )
    metric = VOC07MApMetric(iou_thresh=0.5, class_names=CLASSES)
    net.set_nms(nms_thresh=0.45, nms_topk=400)
    net.hybridize(static_alloc=True, static_shape=True)
    for images, labels in val_loader:
        ids, scores, boxes = net(images.as_in_context(ctx[0]))
        truth = [labels[..., :4], labels[..., 4:5], nd.zeros_like(labels[..., 4:5])]
        metric.update(boxes.clip(0, SIDE), ids, scores, *truth)
    names, values = metric.get()
    print(f"{names[-1]}={values[-1]:.3f}")


def main(train_record: str, val_record: str, contexts: str) -> None:
    gutils.random.seed(233)
    ctx = [mx.cpu(number) for number in range(int(contexts))]
    net, anchors = get_network(ctx)
    train(net, TrainLoader(train_record, anchors=anchors, batch_size=BATCH, data_shape=SIDE, ctx=ctx))
    validate(net, val_record, ctx)


if __name__ == "__main__":
    main(*sys.argv[1:])
