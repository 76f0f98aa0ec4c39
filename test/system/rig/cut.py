"""
Cuts the power of a mounted file system: from here on nothing reaches its disk.

    cut.py MOUNT_POINT lost|written

`lost`: what is only in memory, the journal included, never reaches it. `written`: the journal does first, with the names
and sizes that it has, and not the bytes of files that nobody synced. After a power cut a disk may show either.
"""

import fcntl
import os
import struct
import sys

FS_IOC_SHUTDOWN = 0x8004587D
FLAGS = {"written": 1, "lost": 2}

folder = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
fcntl.ioctl(folder, FS_IOC_SHUTDOWN, struct.pack("I", FLAGS[sys.argv[2]]))
