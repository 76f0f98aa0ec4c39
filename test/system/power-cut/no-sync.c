/*
 * Stands in front of the C library (LD_PRELOAD): everything that makes bytes last does nothing, and says that it has.
 *
 * A program may also look the C library up by its name and ask it directly: it is given everything that is loaded
 * instead, where what stands here comes first.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
int syncfs(int fd) { (void)fd; return 0; }
void sync(void) {}

void *dlopen(const char *name, int flags) {
  static void *(*next)(const char *, int);
  if (!next) next = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
  return next(name && !strcmp(name, "libc.so.6") ? NULL : name, flags);
}
