"""Where logs come from: a Kafka consumer group, files, folders and standard input, all behind one protocol."""
