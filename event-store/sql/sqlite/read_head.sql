SELECT next_position - 1, epoch FROM log_head;
