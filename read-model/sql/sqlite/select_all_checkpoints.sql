SELECT projection, version, "partition", epoch, position, "offset" FROM checkpoints
