/* Loaded before the C library: logs what a process does to the files below DISK_FOLDER, in order,
   so that a loss of power at any moment can be played afterwards. One record per operation, to the
   file DISK_LOG: what, inode, offset, lengths of two texts, the texts. What programs without it
   wrote (the commands of a sandbox) is seen when it is fsynced here, by a file opened to read. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define MOST 4096

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int file = -1;
static char seen[MOST];

static int below(const char *path) {
    const char *folder = getenv("DISK_FOLDER");
    return folder && path && !strncmp(path, folder, strlen(folder));
}

static void note(char what, uint64_t inode, uint64_t at, const void *one, uint32_t n, const char *two) {
    struct __attribute__((packed)) { char what; uint64_t inode, at; uint32_t n, m; } head = {
        what, inode, at, n, two ? strlen(two) : 0};
    if (file < 0) file = REAL(open)(getenv("DISK_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct iovec all[] = {{&head, sizeof head}, {(void *)one, n}, {(void *)two, head.m}};
    if (writev(file, all, 3) < 0) abort();
}

static uint64_t inode(int fd) {
    struct stat status;
    return fstat(fd, &status) ? 0 : status.st_ino;
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < MOST) {
        seen[fd] = below(path);
        if (seen[fd]) {
            struct stat status;
            fstat(fd, &status);
            note(S_ISDIR(status.st_mode) ? 'd' : 'o', status.st_ino, status.st_size, path, strlen(path), 0);
        }
    }
    return fd;
}

#define ON(fd) ((fd) >= 0 && (fd) < MOST && seen[fd])
#define LOCK pthread_mutex_lock(&mutex)
#define UNLOCK pthread_mutex_unlock(&mutex)
#define MODE(flags) int mode = 0; if ((flags) & O_CREAT) { \
    va_list more; va_start(more, flags); mode = va_arg(more, int); va_end(more); }

int open(const char *path, int flags, ...) {
    MODE(flags) LOCK; int fd = opened(REAL(open)(path, flags, mode), path); UNLOCK; return fd;
}
int open64(const char *path, int flags, ...) {
    MODE(flags) LOCK; int fd = opened(REAL(open64)(path, flags, mode), path); UNLOCK; return fd;
}
int openat(int dir, const char *path, int flags, ...) {
    MODE(flags) LOCK; int fd = opened(REAL(openat)(dir, path, flags, mode), path); UNLOCK; return fd;
}
int close(int fd) {
    if (fd >= 0 && fd < MOST) seen[fd] = 0;
    return REAL(close)(fd);
}
ssize_t write(int fd, const void *data, size_t n) {
    if (!ON(fd)) return REAL(write)(fd, data, n);
    LOCK;
    off_t end = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    ssize_t done = REAL(write)(fd, data, n);
    if (done > 0) note('w', inode(fd), end, data, done, 0);
    UNLOCK;
    return done;
}
#define PWRITE(name, off) ssize_t name(int fd, const void *data, size_t n, off at) { \
    if (!ON(fd)) return REAL(name)(fd, data, n, at); \
    LOCK; ssize_t done = REAL(name)(fd, data, n, at); \
    if (done > 0) note('w', inode(fd), at, data, done, 0); \
    UNLOCK; return done; }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
#define TRUNCATE(name, off) int name(int fd, off size) { \
    if (!ON(fd)) return REAL(name)(fd, size); \
    LOCK; int done = REAL(name)(fd, size); if (!done) note('t', inode(fd), size, 0, 0, 0); \
    UNLOCK; return done; }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)
static void others(int fd) {
    struct stat status;
    char data[65536];
    ssize_t n;
    off_t at = 0;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY || fstat(fd, &status) || !S_ISREG(status.st_mode)) return;
    note('t', status.st_ino, 0, 0, 0, 0);
    for (; (n = pread(fd, data, sizeof data, at)) > 0; at += n) note('w', status.st_ino, at, data, n, 0);
}
#define SYNC(name) int name(int fd) { \
    LOCK; int done = REAL(name)(fd); \
    if (!done && ON(fd)) { others(fd); note('s', inode(fd), 0, 0, 0, 0); } \
    UNLOCK; return done; }
SYNC(fsync)
SYNC(fdatasync)
int rename(const char *from, const char *to) {
    LOCK; int done = REAL(rename)(from, to);
    if (!done && below(to)) note('r', 0, 0, from, strlen(from), to);
    UNLOCK; return done;
}
int unlink(const char *path) {
    LOCK; int done = REAL(unlink)(path);
    if (!done && below(path)) note('u', 0, 0, path, strlen(path), 0);
    UNLOCK; return done;
}
