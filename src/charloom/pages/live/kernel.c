/* The update of signature/plain.py for WebAssembly, to the bit: read that first. Names and orders of additions are the
   same. One sequence an update, read from front to back, in float64.

   Rows are padded with zeros to blocks of 16 numbers, c with −1e300, of which softmax makes 0. Gradients, AdaGrad's
   sums and Adam's means have the layout of the weights, so the optimiser's step is one loop.

   worker.js calls the exported functions and hands numbers over in memory, at the places that `room` returns. */
#include "elementary.h"
#include "random.h"

#define EXPORT(name) __attribute__((export_name(#name))) name
#define EACH(i, n) for (int i = 0; i < (n); i++)
enum { STATISTICS_EVERY = 1000, AT_ONCE = 1000 }; /* AT_ONCE: rows of a call of `train`, at most */

typedef double block __attribute__((vector_size(128), aligned(16)));
/* Weights, padded: W (m, p), U transposed (K, p), V (K, p), b (p), c (q). */
typedef struct { double *W, *UT, *V, *b, *c; } Weights;

static int m, K, T, p, q, size, count, characters, updates, update; /* p, q: m and K in whole blocks */
static double smooth, lowest;
static Weights theta, best, gradient, kept[2];
static double *WT, *VT, *o, *d, *a, *zero, *one, *totals, *output, *warm, *sums, *state;
static double *flat, *h, *best_h, *losses, *smooth_losses, *statistics, *recipe, (*ziggurat)[3], *probability;
static int *ids, *order;
static u32 *words;
enum { ETA, ACCUMULATOR, B1, B2, EPS, CLIP, SCALE, SIGMA, ADAM }; /* of `recipe`; a sigma of NaN is fan_in */

static unsigned long used;
extern unsigned char __heap_base;

/* Return the place of so many bytes, all zero. */
static void *allocate(unsigned long bytes) {
  unsigned long start = used ? used : ((unsigned long)&__heap_base + 127) & ~127ul;
  unsigned long there = __builtin_wasm_memory_size(0) << 16;
  used = start + ((bytes + 127) & ~127ul);
  if (used > there && __builtin_wasm_memory_grow(0, (used - there + 65535) >> 16) == -1ul) __builtin_trap();
  return (void *)start;
}
static double *numbers(int n) { return allocate(8ul * n); }
static Weights weights(void) {
  double *W = numbers(size), *UT = W + m * p, *V = UT + K * p, *b = V + K * p;
  return (Weights){W, UT, V, b, b + p};
}

/* Make room, once; return the places of what the script reads and writes. */
void **EXPORT(room)(int m_, int K_, int T_, int characters_, int updates_) {
  m = m_, K = K_, T = T_, characters = characters_, updates = updates_;
  p = (m + 15) / 16 * 16, q = (K + 15) / 16 * 16, size = m * p + 2 * K * p + p + q, count = m * m + 2 * m * K + m + K;
  theta = weights(), best = weights(), gradient = weights(), kept[0] = weights(), kept[1] = weights();
  for (int k = K; k < q; k++) theta.c[k] = -1e300;
  WT = numbers(m * p), VT = numbers(m * q), h = numbers((T + 1) * p), o = numbers(T * q), d = numbers((T + 1) * p);
  a = numbers(p), zero = numbers(p + q), one = numbers(T), totals = numbers(T);
  EACH(t, T) one[t] = 1;
  best_h = numbers(p), output = numbers(q), warm = numbers(q), sums = numbers(K), state = numbers(p);
  flat = numbers(count), losses = numbers(AT_ONCE), smooth_losses = numbers(AT_ONCE), statistics = numbers(4);
  recipe = numbers(9), ziggurat = allocate(256 * 24), probability = numbers(1);
  ids = allocate(4ul * characters), order = allocate(4ul * K), words = allocate(256);
  static void *places[11];
  void *all[] = {ids, flat, losses, smooth_losses, statistics, recipe, ziggurat, words, probability, h, best_h};
  EACH(i, 11) places[i] = all[i];
  return places;
}

/* Return the place of the n-th weight, in the order of network/rnn.py: W, U, V, b, c. */
static double *weight(Weights w, int n) {
  if (n < m * m) return w.W + n / m * p + n % m;
  if ((n -= m * m) < m * K) return w.UT + n % K * p + n / K;
  if ((n -= m * K) < m * K) return w.V + n / m * p + n % m;
  return (n -= m * K) < m ? w.b + n : w.c + n - m;
}
static void transpose(void) {
  EACH(i, m) EACH(j, m) WT[j * p + i] = theta.W[i * p + j];
  EACH(k, K) EACH(j, m) VT[j * q + k] = theta.V[k * p + j];
}
/* flat = the weights, what the optimiser keeps (1, 2), or the best weights (3). */
void EXPORT(give)(int which) {
  Weights copies[] = {theta, kept[0], kept[1], best};
  EACH(n, count) flat[n] = *weight(copies[which], n);
}
/* Let the weights be flat. */
void EXPORT(take)(void) {
  EACH(n, count) *weight(theta, n) = flat[n];
  transpose();
}

/* Start the random stream default_rng(words). */
void EXPORT(stream)(int n) { seed(words, n); }

/* Draw the initial weights from the stream: network/rnn.py, `init`. */
void EXPORT(start)(void) {
  double fan_in[] = {1 / __builtin_sqrt(2. * m), 1 / __builtin_sqrt(2. * K), 1 / __builtin_sqrt(m)};
  double sigma = recipe[SIGMA];
  EACH(n, count - m - K) {
    double deviation = sigma == sigma ? sigma : fan_in[(n >= m * m) + (n >= m * m + m * K)];
    flat[n] = normal(ziggurat) * deviation + 0.0; /* no −0.0 */
  }
  take();
  EACH(n, count) *weight(kept[0], n) = recipe[ADAM] ? 0 : recipe[ACCUMULATOR];
  update = 0, smooth = __builtin_nan(""), lowest = __builtin_inf();
}

/* out = start + Σ_j x[j · apart] · w[j], j upwards, or downwards at odd steps; w (n, width). Blocks of sums stay in
   registers. */
static void sum(double *out, double *start, double *x, int apart, double *w, int width, int n, int step) {
  int first = step & 1 ? n - 1 : 0, stride = step & 1 ? -1 : 1;
  for (int k = 0; k < width; k += 16) {
    double *row = w + first * width + k, *factor = x + first * apart;
    block total = *(block *)(start + k);
    EACH(j, n) total += *(block *)row * *factor, row += stride * width, factor += stride * apart;
    *(block *)(out + k) = total;
  }
}
#define PAIRS(k, n) for (int k = 0; k < (n); k += 2)
#define AT(x, k) (*(v2 *)((x) + (k)))

/* next = tanh(W h + U x + b); the step says in which order. */
static void recur(double *next, double *h, int x, int step) {
  PAIRS(k, p) AT(a, k) = AT(theta.UT + x * p, k) + AT(theta.b, k);
  sum(next, a, h, 1, WT, p, m, step);
  PAIRS(k, p) AT(next, k) = tanh(AT(next, k));
}

/* o becomes e^(o − top). Return the sum: of each of eight lanes, then of these. */
static double exponentials(double *o, double top) {
  v2 lanes[4] = {};
  double total = 0;
  PAIRS(k, q) AT(o, k) = exp(AT(o, k) - top), lanes[k / 2 % 4] += AT(o, k);
  EACH(i, 8) total += ((double *)lanes)[i];
  return total;
}
static double largest(const double *o) {
  double top = o[0];
  EACH(k, K) top = o[k] > top ? o[k] : top;
  return top;
}

/* Return Σ_t −log p_t[y_t]; o[t] becomes g[t] = scale · (p[t] − onehot(y_t)). */
static double softmax(const int *y) {
  double loss = 0;
  EACH(t, T) {
    double *row = o + t * q, top = largest(row), chosen = row[y[t]], total = totals[t] = exponentials(row, top);
    loss += top - chosen;
    PAIRS(k, q) AT(row, k) *= 1 / total;
    row[y[t]] -= 1;
    PAIRS(k, q) AT(row, k) *= recipe[SCALE];
  }
  EACH(t, T) loss += log(totals[t]);
  return loss;
}

/* d[t] = (Vᵀ g[t] + Wᵀ d[t + 1]) ⊙ (1 − h[t + 1]²), and gradients. Return 0, or NaN if a number is not finite. */
static double backward(const int *x) {
  v2 finite = {};
  for (int t = T - 1; t >= 0; t--) {
    double *row = d + t * p;
    sum(a, zero, o + t * q, 1, theta.V, p, K, 0);
    sum(row, a, row + p, 1, theta.W, p, t < T - 1 ? m : 0, t + 1);
    PAIRS(k, p) {
      v2 state = AT(h + (t + 1) * p, k);
      AT(row, k) *= 1 - state * state;
      finite += AT(row, k) * 0;
    }
  }
  EACH(i, m) sum(gradient.W + i * p, zero, d + i, p, h, p, T, 0);
  EACH(k, K) sum(gradient.V + k * p, zero, o + k, q, h + p, p, T, 0);
  sum(gradient.b, zero, one, 1, d, p, T, 0);
  sum(gradient.c, zero, one, 1, o, q, T, 0);
  PAIRS(k, K * p) AT(gradient.UT, k) = all(0);
  EACH(t, T) PAIRS(k, p) AT(gradient.UT + x[t] * p, k) += AT(d + t * p, k);
  return finite[0] + finite[1];
}

static double base_power(double base, int exponent) {
  double product = 1;
  for (; exponent; exponent /= 2, base *= base) if (exponent % 2) product *= base;
  return product;
}

/* g ← min(max(g, −clip), clip), then the optimiser's step. Return 0, or NaN if a number is not finite after it. */
static double step(void) {
  double eta = recipe[ETA], b1 = recipe[B1], b2 = recipe[B2], root = __builtin_sqrt(1 - base_power(b2, update + 1));
  double eta_t = eta * root / (1 - base_power(b1, update + 1)), eps_t = recipe[EPS] * root;
  v2 finite = {};
  PAIRS(n, size) {
    v2 g = at_least(at_most(AT(gradient.W, n), recipe[CLIP]), -recipe[CLIP]);
    v2 s = AT(kept[0].W, n), v = AT(kept[1].W, n);
    if (recipe[ADAM]) {
      s = s * b1 + g * (1 - b1), v = v * b2 + g * g * (1 - b2);
      AT(theta.W, n) -= s * eta_t / (__builtin_elementwise_sqrt(v) + eps_t);
    } else {
      s += g * g;
      AT(theta.W, n) -= g * eta / __builtin_elementwise_sqrt(s + 2.2e-16);
    }
    AT(kept[0].W, n) = s, AT(kept[1].W, n) = v;
    finite += AT(theta.W, n) * 0 + s * 0 + v * 0;
  }
  transpose();
  return finite[0] + finite[1];
}

static void measure(double *total, int *clipped, double g) {
  *total += g * g, *clipped += __builtin_fabs(g) > recipe[CLIP];
}
/* The loss, and what kernel/gradient_statistics.py says of an update, in its order. */
static void measures(double loss, const int *x) {
  double squares = 0;
  int clipped = 0, saturated = 0;
  EACH(i, m) {
    measure(&squares, &clipped, gradient.b[i]);
    EACH(j, m) measure(&squares, &clipped, gradient.W[i * p + j]);
    EACH(t, T) {
      int first = 0;
      while (x[first] != x[t]) first++;
      saturated += __builtin_fabs(h[(t + 1) * p + i]) > 0.99;
      if (first == t) measure(&squares, &clipped, gradient.UT[x[t] * p + i]);
    }
  }
  EACH(k, K) {
    measure(&squares, &clipped, gradient.c[k]);
    EACH(j, m) measure(&squares, &clipped, gradient.V[k * p + j]);
  }
  double norm = __builtin_sqrt(squares), most = 0x1.fffffffffffffp1023;
  statistics[0] = loss, statistics[1] = norm < most ? norm : most, statistics[2] = (double)clipped / count,
  statistics[3] = (double)saturated / (T * m);
}

/* Do so many rows, each a loss and a step; the row `updates` is a loss alone. Return how many, up to the first at which
   training diverged. */
int EXPORT(train)(int rows) {
  EACH(row, rows) {
    int epoch = (characters - 1) / T;
    const int *x = ids + update % epoch * T;
    if (update % epoch == 0) EACH(k, p) h[k] = 0;
    EACH(t, T) recur(h + (t + 1) * p, h + t * p, x[t], t);
    EACH(t, T) sum(o + t * q, theta.c, h + (t + 1) * p, 1, VT, q, m, 0);
    double loss = softmax(x + 1);
    if (loss - loss != 0) return row;
    losses[row] = loss;
    smooth = smooth_losses[row] = smooth == smooth ? 0.999 * smooth + 0.001 * loss : loss;
    if (smooth < lowest) {
      lowest = smooth;
      PAIRS(n, size) AT(best.W, n) = AT(theta.W, n);
      PAIRS(k, p) AT(best_h, k) = AT(h, k);
    }
    if (backward(x) != 0) return row;
    if (update % STATISTICS_EVERY == 0) measures(loss, x);
    if (update == updates) return row + 1;
    if (step() != 0) return row;
    PAIRS(k, p) AT(h, k) = AT(h + T * p, k);
    update++;
  }
  return rows;
}

/* Let the state from which text is read and written be that of training, or else flat's first m numbers. */
void EXPORT(carry)(int trained) {
  EACH(k, m) state[k] = trained ? h[k] : flat[k];
}
/* Read a character; the step says in which order. */
void EXPORT(look)(int x, int step) {
  recur(d, state, x, step);
  PAIRS(k, p) AT(state, k) = AT(d, k);
}
/* Read a character and draw the next one from the stream, as kernel/drawing.py does; `probability` is that in
   softmax(o). */
int EXPORT(draw)(int x, double temperature, int top_k, double top_p) {
  look(x, 0);
  sum(output, theta.c, state, 1, VT, q, m, 0);
  double top = largest(output), u = uniform(), summed = 0, *e = output;
  int n = top_k > 0 && top_k < K ? top_k : K, inside = 1, drawn = 0, likeliest = 0;
  EACH(k, K) {
    int place = k; /* by rank if ranks matter, equals by id */
    if (top_k > 0 || top_p < 1)
      for (; place && output[k] > output[order[place - 1]]; place--) order[place] = order[place - 1];
    order[place] = k;
  }
  while (likeliest < K - 1 && output[likeliest] != top) likeliest++;
  PAIRS(k, q) AT(warm, k) = (AT(output, k) - top) / temperature;
  double total = exponentials(output, top);
  if (temperature == 0) return *probability = 1 / total, likeliest;
  if (temperature != 1) exponentials(e = warm, 0);
  EACH(k, n) sums[k] = summed += e[order[k]];
  if (top_p < 1) {
    while (inside < n && sums[inside - 1] < top_p * summed) inside++;
    n = inside;
  }
  double limit = u * sums[n - 1];
  EACH(k, n) drawn += sums[k] <= limit;
  *probability = output[order[drawn]] / total;
  return order[drawn];
}
