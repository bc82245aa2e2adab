/* The update of signature/plain.py for WebAssembly, to the bit: read that first. Names and orders of additions are the
   same. One sequence an update, in float64.

   worker.js does the rest of a training. It sets m, K, T, count and the addresses of the arrays, and calls the
   functions: everything is exported that is not static. Behind each array are at least 16 numbers that may be read. */
typedef double block __attribute__((vector_size(128), aligned(8)));
typedef struct { double *W, *U, *V, *b, *c; } Weights;

#define EACH(i, n) for (int i = 0; i < (n); i++)
#define BITS(x) __builtin_bit_cast(unsigned long long, x)

int m, K, T, count;                           /* count: m·m + 2·m·K + m + K */
double *theta, *gradient, *first, *second;    /* (count,): weights, their gradients, and what the optimiser keeps */
double *WT, *VT;                              /* W and V transposed: (m, m), (m, K) */
double *h, *d, *o, *totals, *a, *state;       /* (T + 1, m), (T + 1, m), (T, K), (T,), (m,), (m,); d[T] stays 0 */
int *x;                                       /* (T + 1,): ids of the sequence and of the character after it */

/* exp, tanh and log of kernel/elementary.py, which explains the methods. */
static const double LN2_HIGH = 0x1.62e42fee00000p-1, LN2_LOW = 0x1.a39ef35793c76p-33, LOG2_E = 1 / 0.6931471805599453;
static const double MAGIC = 0x1.8p52; /* a number plus MAGIC has the nearest whole number in its lowest bits */
static const double TERM[] = {1., 1., 1 / 2., 1 / 6., 1 / 24., 1 / 120., 1 / 720., 1 / 5040., 1 / 40320., 1 / 362880.,
                              1 / 3628800., 1 / 39916800., 1 / 479001600., 1 / 6227020800.};

static double nearest(double x) { return (x + MAGIC) - MAGIC; }
static double power_of_two(double n) { return __builtin_bit_cast(double, BITS(n + (MAGIC + 1023)) << 52); }
static double less_ln2(double x, double n) { return (x - n * LN2_HIGH) - n * LN2_LOW; }
static double at_most(double x, double limit) { return x > limit ? limit : x; }
static double at_least(double x, double limit) { return x < limit ? limit : x; }

/* e^r − 1 for |r| ≤ ln 2 / 2: even and odd powers of Taylor's series apart. */
static double expm1_reduced(double r) {
  double z = r * r, even = TERM[12], odd = TERM[13];
  for (int n = 10; n >= 2; n -= 2) {
    even = TERM[n] + z * even;
    odd = TERM[n + 1] + z * odd;
  }
  return r + z * (even + r * odd);
}

static double exp(double x) {
  x = at_most(at_least(x, -750), 750);
  double n = nearest(x * LOG2_E), half = nearest(n * 0.5);
  return (expm1_reduced(less_ln2(x, n)) + 1) * power_of_two(half) * power_of_two(n - half);
}

static double tanh(double x) {
  double y = at_least(__builtin_fabs(x) * -2, -40), n = nearest(y * LOG2_E), scale = power_of_two(n);
  double rest = 1 - scale, product = scale * expm1_reduced(less_ln2(y, n)), g = rest - product;
  double lost = (rest - g) - product, below = 2 - g, lost_below = (2 - below) - g, t = g / below;
  t += (lost + t * (lost - lost_below)) * (t * 0.5 + 0.5);
  return x < 0 ? -t : t;
}

/* log x for x ≥ 1, the sum of a softmax. */
static double log(double x) {
  double n = (double)(BITS(x * 0.7071067811865476) >> 52) - 1022, f = x * power_of_two(-n) - 1;
  double s = f / (f + 2), z = s * s, series = 2 / 21.;
  for (int i = 9; i >= 1; i--) series = 2 / (2 * i + 1.) + z * series;
  series *= z;
  double half_square = f * f * 0.5;
  return n * LN2_HIGH - ((half_square - (s * (half_square + series) + n * LN2_LOW)) - f);
}

/* W (m, m), U (m, K), V (K, m), b (m,), c (K,) in a flat array, as in network/rnn.py. */
static Weights parts(double *flat) {
  double *U = flat + m * m, *V = U + m * K, *b = V + K * m;
  return (Weights){flat, U, V, b, b + m};
}

/* WT and VT for the present weights: before a character is read after a change. */
void transpose(void) {
  Weights w = parts(theta);
  EACH(i, m) EACH(j, m) WT[j * m + i] = w.W[i * m + j];
  EACH(k, K) EACH(j, m) VT[j * K + k] = w.V[k * m + j];
}

/* out = start + Σ_j factors[j · apart] · w[j], j upwards, or downwards at odd steps; w (n, width). No start is 0.
   Sixteen sums at a time stay in registers. */
static void sum(double *out, const double *start, const double *factors, int apart, const double *w, int width, int n,
                int step) {
  int begin = step % 2 ? n - 1 : 0, direction = step % 2 ? -1 : 1;
  for (int k = 0; k < width; k += 16) {
    const double *row = w + begin * width + k, *factor = factors + begin * apart;
    block total = start ? *(block *)(start + k) : (block){};
    EACH(j, n) {
      total += *(block *)row * *factor;
      row += direction * width;
      factor += direction * apart;
    }
    if (k + 16 <= width) *(block *)(out + k) = total;
    else EACH(i, width - k) out[k + i] = total[i];
  }
}

/* Read a character: next = tanh(W before + U x + b), output = V next + c. */
static void forward(double *next, double *output, const double *before, int character, int step) {
  Weights w = parts(theta);
  EACH(i, m) a[i] = w.U[i * K + character] + w.b[i];
  sum(a, a, before, 1, WT, m, m, step);
  EACH(i, m) next[i] = tanh(a[i]);
  sum(output, w.c, next, 1, VT, K, m, 0);
}

/* Read a character outside training: `state` becomes the next one, o[0] its output. */
void look(int character, int step) { forward(state, o, state, character, step); }

/* row (K,) becomes e^(row − top). Return the sum: of every eighth number, then of these eight sums. */
double exponentials(double *row, double top) {
  double lanes[8] = {}, total = 0;
  EACH(k, K) row[k] = exp(row[k] - top);
  EACH(k, K) lanes[k % 8] += row[k];
  EACH(i, 8) total += lanes[i];
  return total;
}

double logarithm(double x) { return log(x); }

/* Compute the gradients for the sequence x, from the state h[0]. Return the loss, or NaN if a number is not finite.

   loss = Σ_t −log p[t][y_t]   o[t] becomes g[t] = scale · (p[t] − onehot(y_t))
   d[t] = (Vᵀ g[t] + Wᵀ d[t + 1]) ⊙ (1 − h[t + 1]²)
   W: Σ d[t] h[t]ᵀ   U: Σ d[t] x_tᵀ   V: Σ g[t] h[t + 1]ᵀ   b: Σ d[t]   c: Σ g[t] */
double gradients(double scale) {
  Weights w = parts(theta), sums = parts(gradient);
  double loss = 0;
  transpose();
  EACH(t, T) {
    double *row = o + t * K;
    forward(h + (t + 1) * m, row, h + t * m, x[t], t);
    double top = row[0];
    EACH(k, K) top = at_least(top, row[k]);
    loss += top - row[x[t + 1]];
    totals[t] = exponentials(row, top);
    EACH(k, K) row[k] *= 1 / totals[t];
    row[x[t + 1]] -= 1;
    EACH(k, K) row[k] *= scale;
  }
  EACH(t, T) loss += log(totals[t]);
  for (int t = T - 1; t >= 0; t--) {
    double *next = h + (t + 1) * m;
    sum(a, 0, o + t * K, 1, w.V, m, K, 0);
    sum(a, a, d + (t + 1) * m, 1, w.W, m, m, t + 1);
    EACH(i, m) d[t * m + i] = a[i] * (1 - next[i] * next[i]);
  }
  EACH(n, count) gradient[n] = 0;
  EACH(i, m) sum(sums.W + i * m, 0, d + i, m, h, m, T, 0);
  EACH(k, K) sum(sums.V + k * m, 0, o + k, K, h + m, m, T, 0);
  EACH(t, T) {
    EACH(i, m) sums.U[i * K + x[t]] += d[t * m + i];
    EACH(i, m) sums.b[i] += d[t * m + i];
    EACH(k, K) sums.c[k] += o[t * K + k];
  }
  EACH(n, T * m) loss += d[n] * 0;
  return loss;
}

/* A step of AdaGrad or Adam: kernel/steps.py. Gradients are clipped. Return whether all numbers are finite. */
int step(int adam, double eta, double clip, double b1, double b2, double eps) {
  int finite = 1;
  EACH(n, count) {
    double g = at_least(at_most(gradient[n], clip), -clip);
    if (adam) {
      first[n] = first[n] * b1 + g * (1 - b1);
      second[n] = second[n] * b2 + g * g * (1 - b2);
      theta[n] -= first[n] * eta / (__builtin_sqrt(second[n]) + eps);
    } else {
      first[n] += g * g;
      theta[n] -= g * eta / __builtin_sqrt(first[n] + 2.2e-16);
    }
    finite &= theta[n] * 0 + first[n] * 0 + second[n] * 0 == 0;
  }
  return finite;
}
