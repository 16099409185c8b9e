SELECT projection, version, "partition", epoch, position, "offset" FROM checkpoints
ORDER BY projection, version, "partition"
