"""
Cuts the power of a mounted file system: from here on nothing reaches its disk, and what is only in memory, the journal
included, never does.

    cut.py MOUNT_POINT
"""

import fcntl
import os
import struct
import sys

FS_IOC_SHUTDOWN = 0x8004587D
WITHOUT_FLUSHING_THE_LOG = 2

folder = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
fcntl.ioctl(folder, FS_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSHING_THE_LOG))
