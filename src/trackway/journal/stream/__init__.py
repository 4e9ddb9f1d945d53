"""The journal as streams of NATS JetStream, which a quorum of servers keeps on their disks."""
