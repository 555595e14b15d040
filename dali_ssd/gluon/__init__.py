"""The Gluon training loop of an SSD, fed by any iterable of batches.

The files, in the order in which a training meets them:

    options.TrainConfig
       |
    session   contexts, network, loaders, files; says what it does
       |
    loop      epochs -> steps -> scores; asks the others at the right moments
       |-- step        forward, loss, backward, update
       |-- watch       losses read one step late, so that checking them costs no synchronization
       |-- meter       running means, images/s, where the time goes
       |-- schedule    the learning rate's steps
       |-- stop        SIGINT and SIGTERM
       |-- resume      a whole training as one file: capture takes its state, checkpoint writes it
       |-- parameters  best and periodic parameters under GluonCV's file names
       |-- report      log lines, as GluonCV's script writes them
       |-- history     metrics.jsonl; plot draws it
       `-- distributed one process, or Horovod's
"""
