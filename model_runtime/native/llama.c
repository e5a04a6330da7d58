/* One step of a Llama model on a CPU: a few tokens of several slots, in one call.
 *
 * Decoding reads every weight once per token, so it can be no faster than memory; what is written
 * here only has to keep up with that. Weights are float32, or int8 with one scale per row that are
 * widened to float32 as they are read; everything else is float32. model_runtime/model.py computes
 * the same and is what this is tested against.
 *
 * Written with the vector extensions of GCC and Clang, so that AVX-512, AVX2, SSE and NEON come
 * from the same lines. Not compiled with -ffast-math: the rounding trick in `exponential` and the
 * NaN of broken weights must survive. Sums are split over vector lanes by hand instead.
 *
 * With OpenMP all threads run through the same phases, each on its share, and meet at barriers.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

/* Sizes of the register tiles: row sums must stay in registers (16 of them with AVX2). */
#define TILE_ROWS 3
#define TILE_TOKENS 4
#define PARTS 4
#define AHEAD 4096
/* Sizes of the cache blocks: weights that stay in L2, inputs and values that stay in L1. */
#define PANEL_BYTES (96 << 10)
#define TOKEN_BYTES (16 << 10)
#define POSITIONS 128
/* A sweep row by row pays from this many columns on. */
#define SWEPT_COLUMNS 192
/* Queries that share one reading of the keys. */
#define QUERIES 8

#define INLINE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))
#define UNROLL _Pragma("GCC unroll 8")

typedef float floats __attribute__((vector_size(LANES * 4)));
typedef uint32_t words __attribute__((vector_size(LANES * 4)));
typedef int8_t bytes __attribute__((vector_size(LANES)));
typedef float quad __attribute__((vector_size(16)));

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
typedef int32_t quad_ints __attribute__((vector_size(16)));
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (quad_ints){i, j, k, l})
#endif

typedef struct {
    const float *values; /* [rows, columns], or NULL where the weights are int8: */
    const int8_t *codes; /* [rows, columns] */
    const float *scales; /* [rows]: weight = code * scale */
    int64_t rows, columns;
} matrix;

typedef struct {
    const float *attention_norm, *mlp_norm;
    matrix qkv, attention_out, gate_up, down;
} layer;

typedef struct {
    int64_t num_layers, hidden, heads, kv_heads, head_dim, intermediate, vocab, positions;
    float eps;
    const float *embedding, *norm; /* [vocab, hidden], [hidden] */
    const float *cosines, *sines;  /* [positions, head_dim], both halves alike */
    matrix head;
    const layer *layers;
} model;

typedef struct {
    float *const *keys, *const *values; /* per layer [slots, kv_heads, capacity, head_dim] */
    int64_t slots, capacity;
} cache;

typedef struct {
    int64_t slot, start, tokens, logits;
} row;

/* What the threads of one step share. */
typedef struct {
    const model *model;
    const cache *cache;
    const row *rows;
    const int64_t *ids;
    int64_t num_rows, tokens, wanted, longest;
    float *hidden, *normed, *qkv, *mixed, *gate_up, *activated, *logits;
    float *queries, *scores; /* one share per thread */
} step;

typedef struct {
    int64_t number, total;
} thread;

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

INLINE int64_t round_up(int64_t count, int64_t multiple) {
    return (count + multiple - 1) / multiple * multiple;
}

INLINE floats load(const float *from) {
    floats loaded;
    memcpy(&loaded, from, sizeof loaded);
    return loaded;
}

INLINE void store(float *to, floats stored) { memcpy(to, &stored, sizeof stored); }

/* GCC takes __builtin_convertvector of bytes apart, so the widening is spelled out. */
INLINE floats widen(const int8_t *from) {
#if defined(__AVX512F__)
    return (floats)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)from)));
#elif defined(__AVX2__)
    return (floats)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)from)));
#elif defined(__ARM_NEON)
    int32_t four;
    memcpy(&four, from, sizeof four);
    int16x8_t wider = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
    return (floats)vcvtq_f32_s32(vmovl_s16(vget_low_s16(wider)));
#else
    bytes loaded;
    memcpy(&loaded, from, sizeof loaded);
    return __builtin_convertvector(loaded, floats);
#endif
}

INLINE floats all(float number) { return number - (floats){0}; }

INLINE quad fold(floats sums) {
    quad parts[LANES / 4];
    memcpy(parts, &sums, sizeof sums);
    UNROLL for (int half = LANES / 8; half > 0; half /= 2)
        UNROLL for (int i = 0; i < half; i++) parts[i] += parts[i + half];
    return parts[0];
}

/* Lane i is the sum of the lanes of the i-th argument. */
INLINE quad sum_each(floats a, floats b, floats c, floats d) {
    quad e = fold(a), f = fold(b), g = fold(c), h = fold(d);
    quad ef = SHUFFLE(e, f, 0, 4, 1, 5) + SHUFFLE(e, f, 2, 6, 3, 7);
    quad gh = SHUFFLE(g, h, 0, 4, 1, 5) + SHUFFLE(g, h, 2, 6, 3, 7);
    return SHUFFLE(ef, gh, 0, 1, 4, 5) + SHUFFLE(ef, gh, 2, 3, 6, 7);
}

INLINE float sum(floats sums) {
    quad folded = fold(sums);
    return (folded[0] + folded[2]) + (folded[1] + folded[3]);
}

INLINE floats larger(floats a, floats b) {
    words taken = (words)(a > b);
    return (floats)(((words)a & taken) | ((words)b & ~taken));
}

/* e^x within 2e-7 relative for -87 <= x <= 88, and held to those ends. Polynomial of Cephes' expf.
 * Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits. */
INLINE floats exponential(floats x) {
    const floats magic = all(12582912.0f);
    words low = (words)(x < -87.0f), high = (words)(x > 88.0f), bits;
    bits = ((words)x & ~(low | high)) | ((words)all(-87.0f) & low) | ((words)all(88.0f) & high);
    x = (floats)bits;
    floats shifted = x * 1.44269504088896341f + magic;
    floats power = shifted - magic;
    floats rest = x - power * 0.693359375f + power * 2.12194440e-4f;
    floats result = rest * 1.9875691500e-4f + 1.3981999507e-3f;
    result = result * rest + 8.3334519073e-3f;
    result = result * rest + 4.1665795894e-2f;
    result = result * rest + 1.6666665459e-1f;
    result = result * rest + 5.0000001201e-1f;
    result = result * (rest * rest) + rest + 1.0f;
    return (floats)((words)result + ((words)shifted << 23));
}

/* Fewer numbers than a vector holds; the other lanes are 0. */
INLINE floats load_some(const float *from, int64_t count) {
    floats loaded = {0};
    memcpy(&loaded, from, (size_t)count * sizeof(float));
    return loaded;
}

/* ---- Products ---- */

INLINE floats weights_at(const matrix *w, int64_t i, const int int8) {
    return int8 ? widen(w->codes + i) : load(w->values + i);
}

/* sums[t][r]: products of `rows` rows with `tokens` inputs, side by side in registers. The next
 * rows are fetched ahead: the processor does not foresee where they lie. */
INLINE void rows_at_once(const matrix *w, int64_t first, const float *x, floats sums[4][4],
                         const int rows, const int tokens, const int int8) {
    int64_t columns = w->columns, from = first * columns;
    for (int64_t k = 0; k + LANES <= columns; k += LANES) {
        floats weights[4];
        UNROLL for (int r = 0; r < rows; r++) {
            int64_t i = from + r * columns + k;
            if (int8) __builtin_prefetch(w->codes + i + AHEAD);
            else __builtin_prefetch(w->values + i + AHEAD / 4);
            weights[r] = weights_at(w, i, int8);
        }
        UNROLL for (int t = 0; t < tokens; t++) {
            floats inputs = load(x + t * columns + k);
            UNROLL for (int r = 0; r < rows; r++) sums[t][r] += weights[r] * inputs;
        }
    }
}

/* The same row after row: memory is read in one sweep, which is fastest where it is what limits. */
INLINE void rows_in_turn(const matrix *w, int64_t first, const float *x, floats sums[4][4],
                         const int rows, const int tokens, const int int8) {
    int64_t columns = w->columns, wide = columns / (PARTS * LANES) * PARTS * LANES;
    UNROLL for (int r = 0; r < rows; r++) {
        int64_t from = (first + r) * columns, k = 0;
        floats parts[PARTS][4] = {{{0}}};
        for (; k < wide; k += PARTS * LANES) {
            if (int8) __builtin_prefetch(w->codes + from + k + AHEAD);
            UNROLL for (int p = 0; p < PARTS; p++) {
                floats weights = weights_at(w, from + k + p * LANES, int8);
                UNROLL for (int t = 0; t < tokens; t++)
                    parts[p][t] += weights * load(x + t * columns + k + p * LANES);
            }
        }
        for (; k + LANES <= columns; k += LANES)
            UNROLL for (int t = 0; t < tokens; t++)
                parts[0][t] += weights_at(w, from + k, int8) * load(x + t * columns + k);
        UNROLL for (int t = 0; t < tokens; t++)
            sums[t][r] = (parts[0][t] + parts[1][t]) + (parts[2][t] + parts[3][t]);
    }
}

/* What does not fill a vector. */
APART float rest_of_row(const matrix *w, int64_t r, const float *x) {
    float total = 0.0f;
    for (int64_t k = w->columns / LANES * LANES; k < w->columns; k++)
        total += (w->codes ? (float)w->codes[r * w->columns + k] : w->values[r * w->columns + k]) *
                 x[k];
    return total;
}

/* y[t][first + r] = sum over k of weights[first + r][k] * x[t][k], for a few rows and tokens; added
 * to what y holds where `add`. */
INLINE void tile(const matrix *w, int64_t first, const float *x, float *y, int64_t y_stride,
                 int add, const int rows, const int tokens, const int in_turn, const int int8) {
    floats sums[4][4] = {{{0}}};
    if (in_turn) rows_in_turn(w, first, x, sums, rows, tokens, int8);
    else rows_at_once(w, first, x, sums, rows, tokens, int8);
    UNROLL for (int t = 0; t < tokens; t++) {
        quad totals = sum_each(sums[t][0], sums[t][1], sums[t][2], sums[t][3]);
        float *to = y + t * y_stride + first;
        UNROLL for (int r = 0; r < rows; r++) {
            float total = totals[r];
            if (w->columns % LANES) total += rest_of_row(w, first + r, x + t * w->columns);
            if (int8) total *= w->scales[first + r];
            to[r] = add ? to[r] + total : total;
        }
    }
}

#define TILE(rows, tokens, in_turn)                                                                \
    tile(w, r, x + t * w->columns, y + t * y_stride, y_stride, add, rows, tokens, in_turn, int8)

/* As many rows and tokens as stay in the caches. */
INLINE void block(const matrix *w, const float *x, int64_t tokens, float *y, int64_t y_stride,
                  int add, const int int8) {
    int64_t r = 0, t = 0;
    if (w->columns >= SWEPT_COLUMNS && tokens <= (int8 ? 2 : 3))
        for (; r + 4 <= w->rows; r += 4) switch (tokens) {
        case 1: TILE(4, 1, 1); break;
        case 2: TILE(4, 2, 1); break;
        default: TILE(4, 3, 1); break;
        }
    for (; r + TILE_ROWS <= w->rows; r += TILE_ROWS) {
        for (t = 0; t + TILE_TOKENS <= tokens; t += TILE_TOKENS) TILE(TILE_ROWS, TILE_TOKENS, 0);
        switch (tokens - t) {
        case 3: TILE(TILE_ROWS, 3, 0); break;
        case 2: TILE(TILE_ROWS, 2, 0); break;
        case 1: TILE(TILE_ROWS, 1, 0); break;
        default: break;
        }
    }
    for (; r < w->rows; r++)
        for (t = 0; t < tokens; t++) TILE(1, 1, 0);
}

APART void block_f32(const matrix *w, const float *x, int64_t tokens, float *y, int64_t y_stride,
                     int add) {
    block(w, x, tokens, y, y_stride, add, 0);
}

APART void block_int8(const matrix *w, const float *x, int64_t tokens, float *y, int64_t y_stride,
                      int add) {
    block(w, x, tokens, y, y_stride, add, 1);
}

INLINE matrix part(const matrix *w, int64_t first, int64_t last) {
    int64_t from = first * w->columns;
    return (matrix){w->values ? w->values + from : NULL, w->codes ? w->codes + from : NULL,
                    w->codes ? w->scales + first : NULL, last - first, w->columns};
}

/* y[t][r] for all tokens and rows: block by block, so that a panel of weights and a few inputs stay
 * in the caches. Few tokens take the weights in one sweep. */
static void product(const matrix *w, const float *x, int64_t tokens, float *y, int64_t y_stride,
                    int add) {
    int64_t size = w->codes ? 1 : 4, columns = w->columns;
    int64_t panel = PANEL_BYTES / size / columns / TILE_ROWS * TILE_ROWS;
    int64_t some = TOKEN_BYTES / 4 / columns / TILE_TOKENS * TILE_TOKENS;
    if (panel < TILE_ROWS) panel = TILE_ROWS;
    if (some < TILE_TOKENS) some = TILE_TOKENS;
    if (tokens <= some) panel = w->rows;
    for (int64_t r = 0; r < w->rows; r += panel) {
        matrix rows = part(w, r, least(r + panel, w->rows));
        for (int64_t t = 0; t < tokens; t += some)
            (w->codes ? block_int8 : block_f32)(&rows, x + t * columns, least(some, tokens - t),
                                                y + t * y_stride + r, y_stride, add);
    }
}

/* The thread's share of so many rows or columns. */
static void share(int64_t count, thread self, int64_t *first, int64_t *last) {
    int64_t each = round_up((count + self.total - 1) / self.total, 16);
    *first = least(self.number * each, count);
    *last = least(*first + each, count);
}

/* y = m x, or y += m x, of the thread's share of the rows. */
static void multiply(thread self, const matrix *m, const float *x, int64_t tokens, float *y,
                     int add) {
    int64_t first, last;
    share(m->rows, self, &first, &last);
    matrix rows = part(m, first, last);
    product(&rows, x, tokens, y + first, m->rows, add);
}

/* ---- Attention ---- */

/* outputs[q] += sum over j of scores[q][j] * values[j], for `wide` vectors of a head. */
INLINE void mix_tile(const float *scores, int64_t stride, const float *values, int64_t head_dim,
                     int64_t positions, float *outputs, const int queries, const int wide) {
    floats sums[2][4];
    UNROLL for (int q = 0; q < queries; q++)
        UNROLL for (int v = 0; v < wide; v++) sums[q][v] = load(outputs + q * head_dim + v * LANES);
    for (int64_t j = 0; j < positions; j++) {
        floats from[4];
        UNROLL for (int v = 0; v < wide; v++) from[v] = load(values + j * head_dim + v * LANES);
        UNROLL for (int q = 0; q < queries; q++) {
            floats weight = all(scores[q * stride + j]);
            UNROLL for (int v = 0; v < wide; v++) sums[q][v] += weight * from[v];
        }
    }
    UNROLL for (int q = 0; q < queries; q++)
        UNROLL for (int v = 0; v < wide; v++) store(outputs + q * head_dim + v * LANES, sums[q][v]);
}

INLINE void mix_some(const float *scores, int64_t stride, const float *values, int64_t head_dim,
                     int64_t positions, float *outputs, const int queries) {
    int64_t d = 0;
    for (; d + 4 * LANES <= head_dim; d += 4 * LANES)
        mix_tile(scores, stride, values + d, head_dim, positions, outputs + d, queries, 4);
    for (; d + LANES <= head_dim; d += LANES)
        mix_tile(scores, stride, values + d, head_dim, positions, outputs + d, queries, 1);
    for (; d < head_dim; d++)
        for (int q = 0; q < queries; q++)
            for (int64_t j = 0; j < positions; j++)
                outputs[q * head_dim + d] += scores[q * stride + j] * values[j * head_dim + d];
}

/* outputs[q] = sum over j of scores[q][j] * values[j]. */
static void mix(const float *scores, int64_t stride, const float *values, int64_t head_dim,
                int64_t positions, float *outputs, int64_t queries) {
    memset(outputs, 0, (size_t)(queries * head_dim) * sizeof(float));
    for (int64_t j = 0; j < positions; j += POSITIONS) {
        int64_t some = least(POSITIONS, positions - j), q = 0;
        const float *from = values + j * head_dim;
        for (; q + 2 <= queries; q += 2)
            mix_some(scores + q * stride + j, stride, from, head_dim, some, outputs + q * head_dim,
                     2);
        if (q < queries)
            mix_some(scores + q * stride + j, stride, from, head_dim, some, outputs + q * head_dim,
                     1);
    }
}

/* Softmax over the first `count`, zeros up to `padded`. */
static void softmax(float *scores, int64_t count, int64_t padded) {
    int64_t j = 0, even = count / LANES * LANES;
    float largest = scores[0], total = 0.0f;
    floats totals = {0}, maxima = all(largest);
    for (int64_t i = 0; i < even; i += LANES) maxima = larger(maxima, load(scores + i));
    for (int i = 0; i < LANES; i++) largest = maxima[i] > largest ? maxima[i] : largest;
    for (int64_t i = even; i < count; i++) largest = scores[i] > largest ? scores[i] : largest;
    for (; j < even; j += LANES) {
        floats powers = exponential(load(scores + j) - largest);
        totals += powers;
        store(scores + j, powers);
    }
    if (j < count) {
        floats powers = exponential(load_some(scores + j, count - j) - largest);
        memcpy(scores + j, &powers, (size_t)(count - j) * sizeof(float));
        for (; j < count; j++) total += scores[j];
    }
    float share_of_each = 1.0f / (total + sum(totals));
    for (int64_t i = 0; i < count; i++) scores[i] *= share_of_each;
    for (int64_t i = count; i < padded; i++) scores[i] = 0.0f;
}

static void rotate(float *head, const float *cosines, const float *sines, int64_t head_dim) {
    int64_t half = head_dim / 2;
    for (int64_t d = 0; d < half; d++) {
        float first = head[d], second = head[d + half];
        head[d] = first * cosines[d] - second * sines[d];
        head[d + half] = second * cosines[d] + first * sines[d];
    }
}

static float *slot_of(float *const *tensors, const step *s, int64_t l, int64_t slot, int64_t g) {
    int64_t head = slot * s->model->kv_heads + g;
    return tensors[l] + head * s->cache->capacity * s->model->head_dim;
}

/* Turn a token's queries and keys by its position; write its keys and values to the cache. */
static void place(const step *s, int64_t l, const row *r, int64_t token, float *qkv) {
    const model *m = s->model;
    int64_t position = r->start + token, width = m->head_dim;
    float *keys = qkv + m->heads * width, *values = keys + m->kv_heads * width;
    for (int64_t h = 0; h < m->heads + m->kv_heads; h++)
        rotate(qkv + h * width, m->cosines + position * width, m->sines + position * width, width);
    for (int64_t g = 0; g < m->kv_heads; g++) {
        float *key = slot_of(s->cache->keys, s, l, r->slot, g) + position * width;
        float *value = slot_of(s->cache->values, s, l, r->slot, g) + position * width;
        memcpy(key, keys + g * width, (size_t)width * sizeof(float));
        memcpy(value, values + g * width, (size_t)width * sizeof(float));
    }
}

/* Queries `first` to `last` of those of a row that share a head of keys: token-major, then the
 * heads of the group. */
static void attend(const step *s, thread self, int64_t l, const row *r, int64_t base, int64_t g,
                   int64_t first, int64_t last) {
    const model *m = s->model;
    int64_t width = m->head_dim, group = m->heads / m->kv_heads, count = last - first;
    int64_t used = r->start + (last - 1) / group + 1, stride = s->longest;
    int64_t qkv_width = m->layers[l].qkv.rows, mixed_width = m->heads * width;
    float *queries = s->queries + self.number * 2 * QUERIES * width;
    float *outputs = queries + QUERIES * width;
    float *scores = s->scores + self.number * QUERIES * stride;
    float scale = 1.0f / sqrtf((float)width);
    for (int64_t q = first; q < last; q++) {
        const float *from = s->qkv + (base + q / group) * qkv_width;
        from += (g * group + q % group) * width;
        for (int64_t d = 0; d < width; d++) queries[(q - first) * width + d] = from[d] * scale;
    }
    matrix keys = {slot_of(s->cache->keys, s, l, r->slot, g), NULL, NULL, used, width};
    product(&keys, queries, count, scores, stride, 0);
    for (int64_t q = first; q < last; q++)
        softmax(scores + (q - first) * stride, r->start + q / group + 1, used);
    mix(scores, stride, slot_of(s->cache->values, s, l, r->slot, g), width, used, outputs, count);
    for (int64_t q = first; q < last; q++)
        memcpy(s->mixed + (base + q / group) * mixed_width + (g * group + q % group) * width,
               outputs + (q - first) * width, (size_t)width * sizeof(float));
}

/* ---- The step ---- */

static void meet(thread self) {
    if (self.total > 1) {
#ifdef _OPENMP
#pragma omp barrier
#endif
    }
}

static void normalize(const float *x, const float *weight, float *y, int64_t width, float eps) {
    floats squares = {0};
    int64_t k = 0;
    for (; k + LANES <= width; k += LANES) squares += load(x + k) * load(x + k);
    float total = sum(squares);
    for (; k < width; k++) total += x[k] * x[k];
    float scale = 1.0f / sqrtf(total / (float)width + eps);
    for (k = 0; k < width; k++) y[k] = x[k] * scale * weight[k];
}

static void normalize_all(const step *s, thread self, const float *weight) {
    int64_t width = s->model->hidden;
    for (int64_t t = self.number; t < s->tokens; t += self.total)
        normalize(s->hidden + t * width, weight, s->normed + t * width, width, s->model->eps);
    meet(self);
}

/* gate = gate / (1 + e^-gate) * up, for the thread's share of the columns. */
static void activate(const step *s, int64_t first, int64_t last) {
    int64_t width = s->model->intermediate;
    for (int64_t t = 0; t < s->tokens; t++) {
        const float *gate = s->gate_up + t * 2 * width, *up = gate + width;
        float *to = s->activated + t * width;
        int64_t k = first;
        for (; k + LANES <= last; k += LANES) {
            floats x = load(gate + k);
            store(to + k, x / (exponential(-x) + 1.0f) * load(up + k));
        }
        if (k < last) {
            floats x = load_some(gate + k, last - k), y = load_some(up + k, last - k);
            floats result = x / (exponential(-x) + 1.0f) * y;
            memcpy(to + k, &result, (size_t)(last - k) * sizeof(float));
        }
    }
}

static void attention(const step *s, thread self, int64_t l) {
    const model *m = s->model;
    const layer *weights = &m->layers[l];
    int64_t base = 0, unit = 0, group = m->heads / m->kv_heads;
    normalize_all(s, self, weights->attention_norm);
    multiply(self, &weights->qkv, s->normed, s->tokens, s->qkv, 0);
    meet(self);
    for (const row *r = s->rows; r < s->rows + s->num_rows; base += r++->tokens)
        for (int64_t t = 0; t < r->tokens; t++)
            if ((base + t) % self.total == self.number)
                place(s, l, r, t, s->qkv + (base + t) * weights->qkv.rows);
    meet(self);
    base = 0;
    for (const row *r = s->rows; r < s->rows + s->num_rows; base += r++->tokens)
        for (int64_t g = 0; g < m->kv_heads; g++)
            for (int64_t q = 0; q < r->tokens * group; q += QUERIES)
                if (unit++ % self.total == self.number)
                    attend(s, self, l, r, base, g, q, least(q + QUERIES, r->tokens * group));
    meet(self);
    multiply(self, &weights->attention_out, s->mixed, s->tokens, s->hidden, 1);
    meet(self);
}

static void mlp(const step *s, thread self, int64_t l) {
    const layer *weights = &s->model->layers[l];
    int64_t first, last, width = s->model->intermediate;
    normalize_all(s, self, weights->mlp_norm);
    share(width, self, &first, &last);
    matrix gate = part(&weights->gate_up, first, last);
    matrix up = part(&weights->gate_up, width + first, width + last);
    product(&gate, s->normed, s->tokens, s->gate_up + first, 2 * width, 0);
    product(&up, s->normed, s->tokens, s->gate_up + width + first, 2 * width, 0);
    activate(s, first, last);
    meet(self);
    multiply(self, &weights->down, s->activated, s->tokens, s->hidden, 1);
    meet(self);
}

static void head(const step *s, thread self) {
    const model *m = s->model;
    int64_t base = 0, to = 0;
    for (const row *r = s->rows; r < s->rows + s->num_rows; base += r++->tokens)
        for (int64_t t = r->tokens - r->logits; t < r->tokens; t++, to++)
            if (to % self.total == self.number)
                normalize(s->hidden + (base + t) * m->hidden, m->norm, s->normed + to * m->hidden,
                          m->hidden, m->eps);
    meet(self);
    multiply(self, &m->head, s->normed, s->wanted, s->logits, 0);
}

static void run(const step *s, thread self) {
    const model *m = s->model;
    for (int64_t t = self.number; t < s->tokens; t += self.total)
        memcpy(s->hidden + t * m->hidden, m->embedding + s->ids[t] * m->hidden,
               (size_t)m->hidden * sizeof(float));
    meet(self);
    for (int64_t l = 0; l < m->num_layers; l++) {
        attention(s, self, l);
        mlp(s, self, l);
    }
    if (s->wanted > 0) head(s, self);
}

static void run_with_threads(const step *s, int64_t threads) {
    if (threads < 2) {
        run(s, (thread){0, 1});
        return;
    }
#ifdef _OPENMP
#pragma omp parallel num_threads((int)threads)
    run(s, (thread){omp_get_thread_num(), omp_get_num_threads()});
#endif
}

/* ---- The interface: see library.py ---- */

/* Whether everything lies within the tensors; counts tokens, wanted logits and positions. */
static int plan(step *s) {
    const model *m = s->model;
    for (const row *r = s->rows; r < s->rows + s->num_rows; r++) {
        int64_t end = r->start + r->tokens;
        if (r->slot < 0 || r->slot >= s->cache->slots || r->start < 0 || r->tokens < 1) return 0;
        if (end > s->cache->capacity || end > m->positions) return 0;
        if (r->logits < 0 || r->logits > r->tokens) return 0;
        s->tokens += r->tokens;
        s->wanted += r->logits;
        if (end > s->longest) s->longest = end;
    }
    for (int64_t t = 0; t < s->tokens; t++)
        if (s->ids[t] < 0 || s->ids[t] >= m->vocab) return 0;
    return 1;
}

static float *reserve(int64_t count) {
    return aligned_alloc(64, (size_t)round_up(count * 4 + 1, 64));
}

static int allocate(step *s, int64_t threads) {
    const model *m = s->model;
    s->hidden = reserve(s->tokens * m->hidden);
    s->normed = reserve(s->tokens * m->hidden);
    s->qkv = reserve(s->tokens * (m->heads + 2 * m->kv_heads) * m->head_dim);
    s->mixed = reserve(s->tokens * m->heads * m->head_dim);
    s->gate_up = reserve(s->tokens * 2 * m->intermediate);
    s->activated = reserve(s->tokens * m->intermediate);
    s->queries = reserve(threads * 2 * QUERIES * m->head_dim);
    s->scores = reserve(threads * QUERIES * s->longest);
    return s->hidden && s->normed && s->qkv && s->mixed && s->gate_up && s->activated &&
           s->queries && s->scores;
}

/* Returns 0, 1 where an argument points outside of the tensors, 2 without memory. */
int fimbria_step(const model *m, const cache *c, const row *rows, int64_t num_rows,
                 const int64_t *ids, float *logits, int64_t threads) {
    step s = {.model = m, .cache = c, .rows = rows, .ids = ids, .num_rows = num_rows,
              .logits = logits};
    if (!plan(&s)) return 1;
    int failed = !allocate(&s, threads);
    if (!failed) run_with_threads(&s, threads);
    float *parts[] = {s.hidden, s.normed, s.qkv, s.mixed, s.gate_up, s.activated, s.queries,
                      s.scores};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
    return failed ? 2 : 0;
}

/* Whether a step can use several threads. */
int fimbria_has_threads(void) {
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}
