/* A layer under the gateway's file calls, put there with LD_PRELOAD. It looks at files below one folder only.
 *
 * - It records every change of a file or a folder entry, in the order in which they happen, so that the test can build
 *   what a power cut at any moment would have left (LIENTHONG_DISK_TRACE).
 * - It lets calls fail, fall short or take long, as the test says through a shared page (LIENTHONG_DISK_CONTROL).
 * - It moves the wall clock, and only that one.
 *
 * One lock serialises a change with its record: what stands before a sync in the record was before it on the disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* What is recorded; `trace.rs` reads it. */
enum { WRITE = 1, SYNC, SYNC_FAILED, TRUNCATE, CREATE, UNLINK, RENAME, FOLDER_SYNC };

/* What can be ordered; `shim.rs` writes it. */
enum { NONE = 0, FULL, WRITE_FAILS, SYNC_FAILS, READ_FAILS, READ_ONLY, SHORT_WRITE, SLOW_SYNC, GONE };

/* Words of the shared page. */
enum { FAULT = 0, SKIP, TIMES, SEEN, FIRED, CLOCK, SLOW_MS, WORDS };

#define FILES 65536
#define NAME 64

static char folder[4096];
static size_t folder_length;
static int trace = -1;
static _Atomic int64_t *control;
/* The name below the folder of each descriptor that is looked at; "." is the folder itself. */
static char names[FILES][NAME];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_unlinkat)(int, const char *, int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);

__attribute__((constructor)) static void begin(void)
{
    *(void **)&real_open = dlsym(RTLD_NEXT, "open64");
    *(void **)&real_openat = dlsym(RTLD_NEXT, "openat64");
    *(void **)&real_close = dlsym(RTLD_NEXT, "close");
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **)&real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    *(void **)&real_rename = dlsym(RTLD_NEXT, "rename");
    *(void **)&real_unlink = dlsym(RTLD_NEXT, "unlink");
    *(void **)&real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
    *(void **)&real_write = dlsym(RTLD_NEXT, "write");
    *(void **)&real_writev = dlsym(RTLD_NEXT, "writev");
    *(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    *(void **)&real_read = dlsym(RTLD_NEXT, "read");
    *(void **)&real_pread = dlsym(RTLD_NEXT, "pread64");
    const char *watched = getenv("LIENTHONG_DISK_FOLDER");
    const char *traced = getenv("LIENTHONG_DISK_TRACE");
    const char *ordered = getenv("LIENTHONG_DISK_CONTROL");
    if (ordered) {
        int file = real_open(ordered, O_RDWR | O_CLOEXEC);
        void *page = mmap(NULL, WORDS * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (file < 0 || page == MAP_FAILED)
            abort();
        real_close(file);
        control = page;
    }
    if (traced) {
        trace = real_open(traced, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (trace < 0)
            abort();
    }
    /* Last: from here on calls are looked at. */
    if (watched && strlen(watched) < sizeof folder) {
        strcpy(folder, watched);
        folder_length = strlen(folder);
    }
}

/* The name of a path below the folder, "." for the folder, NULL for what is not looked at. */
static const char *below(const char *path)
{
    if (!folder_length || strncmp(path, folder, folder_length) != 0)
        return NULL;
    const char *rest = path + folder_length;
    while (*rest == '/')
        rest++;
    if (rest == path + folder_length && *rest)
        return NULL;
    if (!*rest)
        return ".";
    return strlen(rest) < NAME ? rest : NULL;
}

static const char *name_of(int file)
{
    return folder_length && file >= 0 && file < FILES && names[file][0] ? names[file] : NULL;
}

/* The log's index is a memory that processes share, and never durable. */
static int is_durable(const char *name)
{
    size_t length = strlen(name);
    return length < 4 || strcmp(name + length - 4, "-shm") != 0;
}

static void record(uint32_t what, const char *name, uint64_t offset, const void *data, size_t length)
{
    if (trace < 0 || !is_durable(name))
        return;
    struct {
        uint32_t what, name;
        uint64_t offset, length;
    } head = { what, (uint32_t)strlen(name), offset, length };
    struct iovec parts[3] = {
        { &head, sizeof head }, { (void *)name, head.name }, { (void *)data, length },
    };
    /* One call, appended: the test's own marks fall between records and never into one. */
    if (real_writev(trace, parts, 3) != (ssize_t)(sizeof head + head.name + length))
        abort();
}

/* Whether the call under way is to suffer `kind`, of which some are let through first and so many suffer. */
static int suffers(int64_t kind)
{
    if (!control || atomic_load(&control[FAULT]) != kind)
        return 0;
    int64_t seen = atomic_fetch_add(&control[SEEN], 1);
    int64_t first = atomic_load(&control[SKIP]), times = atomic_load(&control[TIMES]);
    if (seen < first || (times >= 0 && seen >= first + times))
        return 0;
    atomic_fetch_add(&control[FIRED], 1);
    return 1;
}

static int fails_with(int error)
{
    errno = error;
    return -1;
}

/* The error that a write meets, 0 for none. */
static int trouble_of_a_write(void)
{
    if (suffers(FULL))
        return ENOSPC;
    if (suffers(WRITE_FAILS) || suffers(GONE))
        return EIO;
    return suffers(READ_ONLY) ? EROFS : 0;
}

static int trouble_of_a_name(void)
{
    if (suffers(GONE))
        return EIO;
    return suffers(READ_ONLY) ? EROFS : 0;
}

/* --- opening and closing --- */

static int opened(const char *path, int flags, mode_t mode)
{
    const char *name = below(path);
    if (!name)
        return real_open(path, flags, mode);
    int changes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    pthread_mutex_lock(&lock);
    int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
    int error = changes ? trouble_of_a_name() : (suffers(GONE) ? EIO : 0);
    if (!error && is_new && suffers(FULL))
        error = ENOSPC;
    int file = error ? fails_with(error) : real_open(path, flags, mode);
    int kept = errno;
    if (file >= FILES)
        abort();
    if (file >= 0) {
        strcpy(names[file], name);
        if (is_new)
            record(CREATE, name, 0, NULL, 0);
        else if (flags & O_TRUNC)
            record(TRUNCATE, name, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = kept;
    return file;
}

static mode_t mode_of(int flags, va_list rest)
{
    return (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
}

#define OPENING(call) \
    int call(const char *path, int flags, ...) \
    { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = mode_of(flags, rest); \
        va_end(rest); \
        return opened(path, flags, mode); \
    }
OPENING(open)
OPENING(open64)

#define OPENING_AT(call) \
    int call(int at, const char *path, int flags, ...) \
    { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = mode_of(flags, rest); \
        va_end(rest); \
        return path[0] == '/' ? opened(path, flags, mode) : real_openat(at, path, flags, mode); \
    }
OPENING_AT(openat)
OPENING_AT(openat64)

int close(int file)
{
    if (name_of(file))
        names[file][0] = 0;
    return real_close(file);
}

/* --- writing --- */

static ssize_t written(int file, const void *data, size_t length, off_t offset)
{
    const char *name = name_of(file);
    pthread_mutex_lock(&lock);
    int error = trouble_of_a_write();
    ssize_t done;
    if (error) {
        done = fails_with(error);
    } else {
        if (length > 1 && suffers(SHORT_WRITE))
            length /= 2;
        done = real_pwrite(file, data, length, offset);
    }
    int kept = errno;
    if (done > 0)
        record(WRITE, name, (uint64_t)offset, data, (size_t)done);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

#define WRITING_AT(call) \
    ssize_t call(int file, const void *data, size_t length, off_t offset) \
    { \
        return name_of(file) ? written(file, data, length, offset) : real_pwrite(file, data, length, offset); \
    }
WRITING_AT(pwrite)
WRITING_AT(pwrite64)

ssize_t write(int file, const void *data, size_t length)
{
    if (!name_of(file))
        return real_write(file, data, length);
    off_t at = lseek(file, 0, SEEK_CUR);
    ssize_t done = written(file, data, length, at);
    if (done > 0)
        lseek(file, at + done, SEEK_SET);
    return done;
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    if (!name_of(file))
        return real_writev(file, parts, count);
    /* Nobody gathers writes to these files; one who begins to must be noticed. */
    abort();
}

static int truncated(int file, off_t length)
{
    const char *name = name_of(file);
    if (!name)
        return real_ftruncate(file, length);
    pthread_mutex_lock(&lock);
    int error = trouble_of_a_write();
    int done = error ? fails_with(error) : real_ftruncate(file, length);
    int kept = errno;
    if (done == 0)
        record(TRUNCATE, name, (uint64_t)length, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

int ftruncate(int file, off_t length) { return truncated(file, length); }
int ftruncate64(int file, off_t length) { return truncated(file, length); }

/* --- syncing --- */

static int synced(int file, int (*real)(int))
{
    const char *name = name_of(file);
    if (!name)
        return real(file);
    if (suffers(SLOW_SYNC)) {
        int64_t wait = atomic_load(&control[SLOW_MS]);
        struct timespec span = { wait / 1000, (wait % 1000) * 1000000 };
        nanosleep(&span, NULL);
    }
    int is_folder = strcmp(name, ".") == 0;
    pthread_mutex_lock(&lock);
    int fails = suffers(SYNC_FAILS) || suffers(GONE);
    /* What a power cut takes is decided by the test from the record. Waiting for the real disk would only cost time. */
    int done = fails ? fails_with(EIO) : trace >= 0 ? 0 : real(file);
    int kept = errno;
    if (done == 0)
        record(is_folder ? FOLDER_SYNC : SYNC, name, 0, NULL, 0);
    else if (!is_folder)
        record(SYNC_FAILED, name, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

int fsync(int file) { return synced(file, real_fsync); }
int fdatasync(int file) { return synced(file, real_fdatasync); }

/* --- names --- */

int rename(const char *from, const char *to)
{
    const char *name = below(from), *new_name = below(to);
    if (!name || !new_name)
        return real_rename(from, to);
    pthread_mutex_lock(&lock);
    int error = trouble_of_a_name();
    int done = error ? fails_with(error) : real_rename(from, to);
    int kept = errno;
    if (done == 0) {
        record(RENAME, name, 0, new_name, strlen(new_name));
        for (int file = 0; file < FILES; file++)
            if (strcmp(names[file], name) == 0)
                strcpy(names[file], new_name);
    }
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

static int unlinked(const char *path)
{
    const char *name = below(path);
    if (!name)
        return real_unlink(path);
    pthread_mutex_lock(&lock);
    int error = trouble_of_a_name();
    int done = error ? fails_with(error) : real_unlink(path);
    int kept = errno;
    if (done == 0)
        record(UNLINK, name, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

int unlink(const char *path) { return unlinked(path); }

int unlinkat(int at, const char *path, int flags)
{
    return flags == 0 && path[0] == '/' ? unlinked(path) : real_unlinkat(at, path, flags);
}

/* --- reading --- */

static int reading_fails(int file)
{
    return name_of(file) && (suffers(READ_FAILS) || suffers(GONE));
}

ssize_t read(int file, void *data, size_t length)
{
    return reading_fails(file) ? fails_with(EIO) : real_read(file, data, length);
}

#define READING_AT(call) \
    ssize_t call(int file, void *data, size_t length, off_t offset) \
    { \
        return reading_fails(file) ? fails_with(EIO) : real_pread(file, data, length, offset); \
    }
READING_AT(pread)
READING_AT(pread64)

/* --- the wall clock --- */

static int64_t moved_by(void)
{
    return control ? atomic_load(&control[CLOCK]) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(clock, now);
    if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += moved_by();
    return done;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    static int (*real)(struct timeval *, void *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "gettimeofday");
    int done = real(now, zone);
    if (done == 0)
        now->tv_sec += moved_by();
    return done;
}

time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result)
        *result = now.tv_sec;
    return now.tv_sec;
}
