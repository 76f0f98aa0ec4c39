/*
 * A file system for tests: a directory that is shown as if names that differ in the case of ASCII letters alone were one
 * name, as ext4 and vfat do. All else is that of the file system below, the exchange of two names and hard links too.
 *
 *   cc -Wall -Werror -D_FILE_OFFSET_BITS=64 -I/usr/include/fuse3 foldfs.c -lfuse3 -o foldfs
 *   foldfs BELOW MOUNT
 *
 * One thread; run by root. Needs Debian's gcc and libfuse3-dev.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int below;

#define TRY(call) do { if ((call) == -1) return -errno; return 0; } while (0)

/* The names by which a path is stored, relative to `below`. Only the last may be missing; it is then as it was given. */
static int stored(const char *path, char *into) {
  size_t used = 0;
  strcpy(into, ".");
  used = 1;
  while (*path != '\0') {
    const char *start = path + strspn(path, "/");
    size_t length = strcspn(start, "/");
    char name[256], found[256];
    if (length == 0) return 0;
    if (length > 255 || used + 1 + length >= PATH_MAX) return -ENAMETOOLONG;
    memcpy(name, start, length);
    name[length] = '\0';
    strcpy(found, name);
    int fd = openat(below, into, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd == -1) return -errno;
    struct stat is;
    if (fstatat(fd, name, &is, AT_SYMLINK_NOFOLLOW) == -1) {
      DIR *dir = fdopendir(fd);
      struct dirent *each;
      while (dir != NULL && (each = readdir(dir)) != NULL)
        if (strcasecmp(each->d_name, name) == 0) strcpy(found, each->d_name);
      closedir(dir);
    } else {
      close(fd);
    }
    into[used++] = '/';
    strcpy(into + used, found);
    used += length;
    path = start + length;
  }
  return 0;
}

#define STORED(path, into) char into[PATH_MAX + 1]; { int no = stored(path, into); if (no != 0) return no; }

static int fold_getattr(const char *path, struct stat *is, struct fuse_file_info *open) {
  if (open != NULL) TRY(fstat(open->fh, is));
  STORED(path, at);
  TRY(fstatat(below, at, is, AT_SYMLINK_NOFOLLOW));
}

static int fold_readlink(const char *path, char *into, size_t size) {
  STORED(path, at);
  ssize_t length = readlinkat(below, at, into, size - 1);
  if (length == -1) return -errno;
  into[length] = '\0';
  return 0;
}

static int fold_mkdir(const char *path, mode_t mode) {
  STORED(path, at);
  TRY(mkdirat(below, at, mode));
}

static int fold_unlink(const char *path) {
  STORED(path, at);
  TRY(unlinkat(below, at, 0));
}

static int fold_rmdir(const char *path) {
  STORED(path, at);
  TRY(unlinkat(below, at, AT_REMOVEDIR));
}

static int fold_symlink(const char *target, const char *path) {
  STORED(path, at);
  TRY(symlinkat(target, below, at));
}

static int fold_rename(const char *from, const char *to, unsigned int flags) {
  STORED(from, at);
  STORED(to, next);
  TRY(renameat2(below, at, below, next, flags));
}

static int fold_link(const char *from, const char *to) {
  STORED(from, at);
  STORED(to, next);
  TRY(linkat(below, at, below, next, 0));
}

static int fold_chmod(const char *path, mode_t mode, struct fuse_file_info *open) {
  if (open != NULL) TRY(fchmod(open->fh, mode));
  STORED(path, at);
  TRY(fchmodat(below, at, mode, 0));
}

static int fold_truncate(const char *path, off_t size, struct fuse_file_info *open) {
  if (open != NULL) TRY(ftruncate(open->fh, size));
  STORED(path, at);
  int fd = openat(below, at, O_WRONLY | O_NOFOLLOW);
  if (fd == -1) return -errno;
  int no = ftruncate(fd, size) == -1 ? -errno : 0;
  close(fd);
  return no;
}

static int fold_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *open) {
  if (open != NULL) TRY(futimens(open->fh, times));
  STORED(path, at);
  TRY(utimensat(below, at, times, AT_SYMLINK_NOFOLLOW));
}

static int opened(const char *path, mode_t mode, struct fuse_file_info *open) {
  STORED(path, at);
  int fd = openat(below, at, open->flags | O_NOFOLLOW, mode);
  if (fd == -1) return -errno;
  open->fh = fd;
  return 0;
}

static int fold_create(const char *path, mode_t mode, struct fuse_file_info *open) {
  return opened(path, mode, open);
}

static int fold_open(const char *path, struct fuse_file_info *open) {
  return opened(path, 0, open);
}

static int fold_read(const char *path, char *into, size_t size, off_t offset, struct fuse_file_info *open) {
  ssize_t length = pread(open->fh, into, size, offset);
  return length == -1 ? -errno : length;
}

static int fold_write(const char *path, const char *from, size_t size, off_t offset, struct fuse_file_info *open) {
  ssize_t length = pwrite(open->fh, from, size, offset);
  return length == -1 ? -errno : length;
}

static int fold_release(const char *path, struct fuse_file_info *open) {
  TRY(close(open->fh));
}

static int fold_fsync(const char *path, int data, struct fuse_file_info *open) {
  TRY(data ? fdatasync(open->fh) : fsync(open->fh));
}

static int fold_opendir(const char *path, struct fuse_file_info *open) {
  STORED(path, at);
  int fd = openat(below, at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd == -1) return -errno;
  open->fh = fd;
  return 0;
}

static int fold_readdir(const char *path, void *into, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *open,
                        enum fuse_readdir_flags flags) {
  int fd = openat(open->fh, ".", O_RDONLY | O_DIRECTORY);
  DIR *dir = fd == -1 ? NULL : fdopendir(fd);
  if (dir == NULL) return -errno;
  for (struct dirent *each = readdir(dir); each != NULL; each = readdir(dir)) fill(into, each->d_name, NULL, 0, 0);
  closedir(dir);
  return 0;
}

static int fold_statfs(const char *path, struct statvfs *is) {
  TRY(fstatvfs(below, is));
}

/* Nothing is remembered of a name: another one may have become it. */
static void *fold_init(struct fuse_conn_info *connection, struct fuse_config *config) {
  config->use_ino = 1;
  config->hard_remove = 1;
  config->nullpath_ok = 1;
  config->entry_timeout = 0;
  config->attr_timeout = 0;
  config->negative_timeout = 0;
  return NULL;
}

static const struct fuse_operations operations = {
  .getattr = fold_getattr, .readlink = fold_readlink, .mkdir = fold_mkdir, .unlink = fold_unlink,
  .rmdir = fold_rmdir, .symlink = fold_symlink, .rename = fold_rename, .link = fold_link, .chmod = fold_chmod,
  .truncate = fold_truncate, .utimens = fold_utimens, .create = fold_create, .open = fold_open, .read = fold_read,
  .write = fold_write, .release = fold_release, .fsync = fold_fsync, .opendir = fold_opendir,
  .readdir = fold_readdir, .releasedir = fold_release, .fsyncdir = fold_fsync, .statfs = fold_statfs,
  .init = fold_init,
};

int main(int count, char **words) {
  if (count != 3 || (below = open(words[1], O_RDONLY | O_DIRECTORY)) == -1) {
    fprintf(stderr, "foldfs BELOW MOUNT\n");
    return 64;
  }
  umask(0);
  char *own[] = { words[0], "-s", "-o", "fsname=foldfs", words[2], NULL };
  return fuse_main(5, own, &operations, NULL);
}
