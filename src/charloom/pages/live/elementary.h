/* exp, tanh and log of kernel/elementary.py, which explains the methods, in vectors of two. */
typedef double v2 __attribute__((vector_size(16)));
typedef long long i2 __attribute__((vector_size(16)));

static const double LN2_HIGH = 0x1.62e42fee00000p-1, LN2_LOW = 0x1.a39ef35793c76p-33, LOG2_E = 1 / 0.6931471805599453;
static const double MAGIC = 0x1.8p52; /* a number plus MAGIC has the nearest whole number in its lowest bits */
static const double TERM[] = {1., 1., 1 / 2., 1 / 6., 1 / 24., 1 / 120., 1 / 720., 1 / 5040., 1 / 40320., 1 / 362880.,
                              1 / 3628800., 1 / 39916800., 1 / 479001600., 1 / 6227020800.};

static v2 where_less(v2 x, v2 y, v2 then, v2 otherwise) {
  i2 less = x < y;
  return (v2)((less & (i2)then) | (~less & (i2)otherwise));
}
static v2 all(double x) { return (v2){x, x}; }
static v2 at_most(v2 x, double limit) { return where_less(all(limit), x, all(limit), x); }
static v2 at_least(v2 x, double limit) { return where_less(x, all(limit), all(limit), x); }
static v2 nearest(v2 x) { return (x + MAGIC) - MAGIC; }
static v2 power_of_two(v2 n) { return (v2)((i2)(n + (MAGIC + 1023)) << 52); }
static v2 less_ln2(v2 x, v2 n) { return (x - n * LN2_HIGH) - n * LN2_LOW; }

/* e^r − 1 for |r| ≤ ln 2 / 2: even and odd powers of Taylor's series apart. */
static v2 expm1_reduced(v2 r) {
  v2 z = r * r, even = all(TERM[12]), odd = all(TERM[13]);
  for (int n = 10; n >= 2; n -= 2) even = TERM[n] + z * even, odd = TERM[n + 1] + z * odd;
  return r + z * (even + r * odd);
}

static v2 exp(v2 x) {
  x = at_most(at_least(x, -750), 750);
  v2 n = nearest(x * LOG2_E), half = nearest(n * 0.5);
  return (expm1_reduced(less_ln2(x, n)) + 1) * power_of_two(half) * power_of_two(n - half);
}

static v2 tanh(v2 x) {
  v2 y = at_least(where_less(x, all(0), x, x * -1) * 2, -40), n = nearest(y * LOG2_E), scale = power_of_two(n);
  v2 rest = 1 - scale, product = scale * expm1_reduced(less_ln2(y, n)), g = rest - product;
  v2 lost = (rest - g) - product, below = 2 - g, lost_below = (2 - below) - g, t = g / below;
  t = t + (lost + t * (lost - lost_below)) * (t * 0.5 + 0.5);
  return where_less(x, all(0), t * -1, t);
}

/* log x for x ≥ 1, the sum of a softmax. */
static double log(double x) {
  double n = (double)(__builtin_bit_cast(unsigned long long, x * 0.7071067811865476) >> 52) - 1023 + 1;
  double half = nearest(all(n * 0.5))[0];
  double f = x * power_of_two(all(half * -1))[0] * power_of_two(all(half - n))[0] - 1;
  double s = f / (f + 2), z = s * s, series = 2 / 21.;
  for (int i = 9; i >= 1; i--) series = 2 / (2 * i + 1.) + z * series;
  series = z * series;
  double half_square = f * f * 0.5;
  return n * LN2_HIGH - ((half_square - (s * (half_square + series) + n * LN2_LOW)) - f);
}
