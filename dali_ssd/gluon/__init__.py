"""The Gluon training loop of an SSD, fed by any iterable of batches.

The files, in the order in which a training run meets them:

    options.TrainConfig
       |
    training/run            contexts, network, loaders, files; says what it does
       |
    training/trainer        epochs -> steps -> scores; asks the others at the right moments
       |-- training/step          forward, loss, backward, update
       |-- training/loss_monitor  losses read one step late, so that checking them costs no synchronization
       |-- training/schedule      the learning rate's steps
       |-- training/signals       SIGINT and SIGTERM
       |-- training/distributed   one process, or Horovod's
       |-- reporting/meter        running means, images/s, where the time goes
       |-- reporting/progress     the counts that a checkpoint stores: epoch, batch, step
       |-- reporting/report       log lines, as GluonCV's script writes them
       |-- reporting/history      metrics.jsonl; curve draws it
       |-- checkpoint/resume      a whole training run as one file: state takes it, file writes it
       `-- checkpoint/parameters  best and periodic parameters under GluonCV's file names
"""
