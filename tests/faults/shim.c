/* Preloaded into a process: its n-th call on a file whose path matches fails, or kills it there.

   Calls: create (an open that may make a file), write, fsync, close, rename, link, unlink, mkdir,
   truncate; `*` is any of them. The path of a rename or link is the new one or the old one.
   Armed by fault_arm(), or by FAULT_MATCH, FAULT_CALL, FAULT_AT, FAULT_DO in the environment.
   FAULT_TRACE or fault_trace() names a file that gets a line "call path" for every matching call.

   FAULT_DO: an errno: this call fails with it and nothing happens; with FAULT_STAYS=1 all that follow
   fail, too. -1: SIGKILL before the call. -2: SIGKILL halfway, a write having written half of its
   bytes. -3: SIGKILL after the call. -4: a write writes half and says so, the next call fails with
   ENOSPC. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KILL_BEFORE = -1, KILL_HALFWAY = -2, KILL_AFTER = -3, FILL_UP = -4 };

static char pattern[PATH_MAX], kind[16] = "*";
static int at, todo, stays, count, traces = -1;

void fault_arm(const char *match, const char *call, int when, int what, int remains) {
    snprintf(pattern, sizeof pattern, "%s", match);
    snprintf(kind, sizeof kind, "%s", call);
    at = when, todo = what, stays = remains, count = 0;
}

void fault_trace(const char *file) {
    traces = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

int fault_count(void) { return count; }

__attribute__((constructor)) static void from_environment(void) {
    const char *match = getenv("FAULT_MATCH"), *call = getenv("FAULT_CALL");
    const char *when = getenv("FAULT_AT"), *what = getenv("FAULT_DO"), *file = getenv("FAULT_TRACE");
    if (match)
        fault_arm(match, call ? call : "*", when ? atoi(when) : 0, what ? atoi(what) : 0,
                  getenv("FAULT_STAYS") != NULL);
    if (file)
        fault_trace(file);
}

static void die(void) {
    syscall(SYS_kill, (int)syscall(SYS_getpid), SIGKILL);
    for (;;)
        pause();
}

static int matches(const char *path) { return path && !fnmatch(pattern, path, 0); }

/* What is to happen at this call: 0, an errno, or one of the enum. */
static int verdict(const char *call, const char *path, const char *other) {
    if (!*pattern || (strcmp(kind, "*") && strcmp(kind, call)))
        return 0;
    if (!matches(path) && !matches(other))
        return 0;
    int number = __sync_add_and_fetch(&count, 1);
    if (traces >= 0) {
        char line[PATH_MAX + 32];
        int length = snprintf(line, sizeof line, "%s %s\n", call, path);
        syscall(SYS_write, traces, line, length);
    }
    if (todo == FILL_UP)
        return number == at ? FILL_UP : number == at + 1 ? ENOSPC : 0;
    return number == at || (stays && number > at) ? todo : 0;
}

static int before(const char *call, const char *path, const char *other) {
    int what = at || traces >= 0 ? verdict(call, path, other) : 0;
    if (what == KILL_BEFORE)
        die();
    if (what == KILL_HALFWAY && strcmp(call, "write"))
        die();
    if (what == FILL_UP && strcmp(call, "write"))
        what = ENOSPC;
    return what;
}

static const char *path_of(int descriptor, char *buffer) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_MAX - 1);
    buffer[length < 0 ? 0 : length] = 0;
    return buffer;
}

static int before_on(const char *call, int descriptor) {
    char buffer[PATH_MAX];
    if (!at && traces < 0)
        return 0;
    return before(call, path_of(descriptor, buffer), NULL);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ANSWER(what, result)            \
    do {                                \
        if ((what) > 0) {               \
            errno = (what);             \
            return -1;                  \
        }                               \
        __typeof__(result) r = (result); \
        if ((what) == KILL_AFTER)       \
            die();                      \
        return r;                       \
    } while (0)

ssize_t write(int descriptor, const void *bytes, size_t size) {
    int what = before_on("write", descriptor);
    if (what == KILL_HALFWAY || what == FILL_UP) {
        ssize_t half = syscall(SYS_write, descriptor, bytes, size > 1 ? size / 2 : size);
        if (what == KILL_HALFWAY)
            die();
        return half;
    }
    ANSWER(what, (ssize_t)syscall(SYS_write, descriptor, bytes, size));
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t size, off64_t offset) {
    int what = before_on("write", descriptor);
    ANSWER(what, REAL(pwrite64)(descriptor, bytes, size, offset));
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset) {
    return pwrite64(descriptor, bytes, size, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int n) {
    int what = before_on("write", descriptor);
    ANSWER(what, (ssize_t)syscall(SYS_writev, descriptor, parts, n));
}

size_t fwrite(const void *bytes, size_t size, size_t n, FILE *file) {
    int what = before_on("write", fileno(file));
    if (what > 0) {
        errno = what;
        return 0;
    }
    size_t written = REAL(fwrite)(bytes, size, n, file);
    if (what == KILL_AFTER)
        die();
    return written;
}

int fsync(int descriptor) {
    int what = before_on("fsync", descriptor);
    ANSWER(what, (int)syscall(SYS_fsync, descriptor));
}

int fdatasync(int descriptor) {
    int what = before_on("fsync", descriptor);
    ANSWER(what, (int)syscall(SYS_fdatasync, descriptor));
}

int close(int descriptor) {
    int what = before_on("close", descriptor);
    int result = (int)syscall(SYS_close, descriptor); /* Linux lets go of it even where it fails */
    ANSWER(what, result);
}

int ftruncate64(int descriptor, off64_t size) {
    int what = before_on("truncate", descriptor);
    ANSWER(what, REAL(ftruncate64)(descriptor, size));
}

int ftruncate(int descriptor, off_t size) { return ftruncate64(descriptor, size); }

static int opened(int folder, const char *path, int flags, mode_t mode) {
    int what = flags & O_CREAT ? before("create", path, NULL) : 0;
    ANSWER(what, (int)syscall(SYS_openat, folder, path, flags, mode));
}

static mode_t mode_in(int flags, va_list rest) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPENS(name)                                  \
    int name(const char *path, int flags, ...) {     \
        va_list rest;                                \
        va_start(rest, flags);                       \
        mode_t mode = mode_in(flags, rest);          \
        va_end(rest);                                \
        return opened(AT_FDCWD, path, flags, mode);  \
    }
#define OPENS_AT(name)                                        \
    int name(int folder, const char *path, int flags, ...) {  \
        va_list rest;                                         \
        va_start(rest, flags);                                \
        mode_t mode = mode_in(flags, rest);                   \
        va_end(rest);                                         \
        return opened(folder, path, flags, mode);             \
    }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

int rename(const char *from, const char *to) {
    int what = before("rename", to, from);
    ANSWER(what, REAL(rename)(from, to));
}

int renameat(int a, const char *from, int b, const char *to) {
    int what = before("rename", to, from);
    ANSWER(what, REAL(renameat)(a, from, b, to));
}

int link(const char *from, const char *to) {
    int what = before("link", to, from);
    ANSWER(what, REAL(link)(from, to));
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
    int what = before("link", to, from);
    ANSWER(what, REAL(linkat)(a, from, b, to, flags));
}

int unlink(const char *path) {
    int what = before("unlink", path, NULL);
    ANSWER(what, REAL(unlink)(path));
}

int mkdir(const char *path, mode_t mode) {
    int what = before("mkdir", path, NULL);
    ANSWER(what, REAL(mkdir)(path, mode));
}
