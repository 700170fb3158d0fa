/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of a fuzz target where no fuzzing engine is linked: replays files, and with --random
 * feeds pseudo-random and mutated inputs from a fixed seed, so that a run can be repeated. Prints
 * TAP; a crash leaves the plan unfulfilled and the input in the file crash-input. Not a fuzzer: it
 * has no feedback. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LEN     ((size_t)16384)
#define MAX_FILE    ((size_t)1024 * 1024)
#define MAX_CORPUS  ((size_t)4096)
#define MAX_CHANGES 8U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Present when a sanitizer is linked. NOLINTNEXTLINE(bugprone-reserved-identifier,cert-*) */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
    char *name;
    uint8_t *data;
    size_t len;
};

struct corpus {
    struct input items[MAX_CORPUS];
    size_t num;
};

struct options {
    uint64_t random;
    uint64_t seed;
    int first_path;
};

/* What is being run, for the crash handlers: a handler has no other way to know. */
static struct input current;

static void save_current(void)
{
    int fd = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, current.data, current.len) < 0) {
        return;
    }
    static const char note[] = "# the input is in crash-input\n";
    (void)!write(STDERR_FILENO, note, sizeof note - 1);
    (void)close(fd);
}

static void on_abort(int sig)
{
    save_current();
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

static void *must(void *p)
{
    if (p == NULL) {
        (void)fputs("Bail out! out of memory\n", stdout);
        exit(2);
    }
    return p;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t below(uint64_t *state, size_t n)
{
    return (size_t)((next_random(state) >> 16) % n);
}

static void fill_random(uint64_t *state, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(next_random(state) >> 32);
    }
}

/* Runs a copy of exactly len bytes, so that a sanitizer sees each read past the end. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *copy = must(malloc(len == 0 ? 1 : len));
    if (len > 0) {
        memcpy(copy, data, len);
    }
    current = (struct input) { .name = NULL, .data = copy, .len = len };
    (void)LLVMFuzzerTestOneInput(copy, len);
    current.len = 0;
    free(copy);
}

static bool load_file(struct corpus *c, const char *path)
{
    if (c->num == MAX_CORPUS) {
        return false;
    }
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        return false;
    }
    uint8_t *data = must(malloc(MAX_FILE));
    size_t len = fread(data, 1, MAX_FILE, f);
    bool ok = ferror(f) == 0;
    (void)fclose(f);
    if (!ok) {
        free(data);
        return false;
    }
    c->items[c->num] = (struct input) { .name = must(strdup(path)),
                                        .data = must(realloc(data, len == 0 ? 1 : len)),
                                        .len = len };
    c->num++;
    return true;
}

static bool load_folder(struct corpus *c, const char *path)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, NULL, alphasort);
    bool ok = n >= 0;
    for (int i = 0; i < n; i++) {
        char *file = NULL;
        if (entries[i]->d_name[0] != '.') {
            ok = asprintf(&file, "%s/%s", path, entries[i]->d_name) > 0 && load_file(c, file) && ok;
            free(file);
        }
        free(entries[i]);
    }
    free(entries);
    return ok;
}

/* A path that does not exist is no error: a target may have no corpus yet. */
static bool load(struct corpus *c, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return errno == ENOENT;
    }
    return S_ISDIR(st.st_mode) ? load_folder(c, path) : load_file(c, path);
}

static void clear(struct corpus *c)
{
    for (size_t i = 0; i < c->num; i++) {
        free(c->items[i].name);
        free(c->items[i].data);
    }
    c->num = 0;
}

/* Lengths are spread over the powers of two, since most parsers decide within the first bytes. */
static size_t random_len(uint64_t *state)
{
    size_t max = (size_t)2 << below(state, 14);
    return 1 + below(state, max > MAX_LEN ? MAX_LEN : max);
}

/* Returns the number of inputs. */
static size_t run_random(uint64_t bytes, uint64_t *state)
{
    uint8_t *buf = must(malloc(MAX_LEN));
    size_t num = 0;
    for (uint64_t done = 0; done < bytes;) {
        size_t len = random_len(state);
        fill_random(state, buf, len);
        run(buf, len);
        done += len;
        num++;
    }
    free(buf);
    return num;
}

/* Copies a part of another corpus file over, or into, buf. */
static size_t splice_in(const struct corpus *c, uint64_t *state, uint8_t *buf, size_t len)
{
    const struct input *other = &c->items[below(state, c->num)];
    if (other->len == 0) {
        return len;
    }
    size_t from = below(state, other->len);
    size_t num = 1 + below(state, other->len - from);
    size_t at = below(state, len + 1);
    if (num > MAX_LEN - at) {
        num = MAX_LEN - at;
    }
    memcpy(buf + at, other->data + from, num);
    return at + num > len ? at + num : len;
}

static size_t insert_random(uint64_t *state, uint8_t *buf, size_t len)
{
    size_t at = below(state, len + 1);
    size_t num = 1 + below(state, 16);
    if (num > MAX_LEN - len) {
        return len;
    }
    memmove(buf + at + num, buf + at, len - at);
    fill_random(state, buf + at, num);
    return len + num;
}

static size_t cut_out(uint64_t *state, uint8_t *buf, size_t len)
{
    size_t at = below(state, len);
    size_t num = 1 + below(state, len - at > 16 ? 16 : len - at);
    memmove(buf + at, buf + at + num, len - at - num);
    return len - num;
}

static size_t mutate(const struct corpus *c, uint64_t *state, uint8_t *buf, size_t len)
{
    static const uint8_t edges[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    size_t choice = len == 0 ? 5 : below(state, 7);
    if (choice == 0) {
        buf[below(state, len)] ^= (uint8_t)(1U << below(state, 8));
    } else if (choice == 1) {
        buf[below(state, len)] = edges[below(state, sizeof edges)];
    } else if (choice == 2) {
        return below(state, len);
    } else if (choice == 3) {
        return splice_in(c, state, buf, len);
    } else if (choice == 4) {
        return cut_out(state, buf, len);
    } else if (choice == 5) {
        return insert_random(state, buf, len);
    } else {
        fill_random(state, buf + below(state, len), 1);
    }
    return len;
}

static void run_mutations(const struct corpus *c, size_t num, uint64_t *state)
{
    uint8_t *buf = must(malloc(MAX_LEN));
    for (; num > 0; num--) {
        const struct input *in = &c->items[below(state, c->num)];
        size_t len = in->len > MAX_LEN ? MAX_LEN : in->len;
        memcpy(buf, in->data, len);
        for (size_t n = 1 + below(state, MAX_CHANGES); n > 0; n--) {
            len = mutate(c, state, buf, len);
        }
        run(buf, len);
    }
    free(buf);
}

static bool parse_u64(const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        return false;
    }
    *out = v;
    return true;
}

static bool parse_options(struct options *out, int argc, char **argv)
{
    *out = (struct options) { .random = 0, .seed = 1, .first_path = 1 };
    int i = 1;
    while (i < argc && strncmp(argv[i], "--", 2) == 0) {
        uint64_t *target = NULL;
        if (strcmp(argv[i], "--random") == 0) {
            target = &out->random;
        } else if (strcmp(argv[i], "--seed") == 0) {
            target = &out->seed;
        }
        if (target == NULL || i + 1 == argc || !parse_u64(argv[i + 1], target)) {
            return false;
        }
        i += 2;
    }
    out->first_path = i;
    return true;
}

static void replay(const struct corpus *c, const struct options *o)
{
    size_t test = 0;
    (void)printf("1..%zu\n", c->num + 1 + (o->random > 0 ? 2 : 0));
    run(NULL, 0);
    (void)printf("ok %zu - empty input\n", ++test);
    for (size_t i = 0; i < c->num; i++) {
        run(c->items[i].data, c->items[i].len);
        (void)printf("ok %zu - %s\n", ++test, c->items[i].name);
    }
    if (o->random == 0) {
        return;
    }
    uint64_t state = o->seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    (void)fflush(stdout);
    size_t num = run_random(o->random, &state);
    (void)printf("ok %zu - %ju random bytes, seed %ju\n", ++test, (uintmax_t)o->random,
                 (uintmax_t)o->seed);
    (void)fflush(stdout);
    if (c->num == 0) {
        (void)printf("ok %zu - mutations # SKIP no corpus\n", ++test);
        return;
    }
    run_mutations(c, num, &state);
    (void)printf("ok %zu - %zu mutations of %zu files\n", ++test, num, c->num);
}

int main(int argc, char **argv)
{
    struct options o;
    if (!parse_options(&o, argc, argv)) {
        (void)fprintf(stderr, "usage: %s [--random BYTES] [--seed N] [FILE|FOLDER]...\n", argv[0]);
        return 2;
    }
    struct corpus *c = must(calloc(1, sizeof *c));
    for (int i = o.first_path; i < argc; i++) {
        if (!load(c, argv[i])) {
            (void)printf("Bail out! cannot read %s\n", argv[i]);
            clear(c);
            free(c);
            return 2;
        }
    }
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(save_current);
    }
    (void)signal(SIGABRT, on_abort);
    (void)signal(SIGSEGV, on_abort);
    replay(c, &o);
    clear(c);
    free(c);
    return 0;
}
