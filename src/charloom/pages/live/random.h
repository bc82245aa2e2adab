/* Random numbers: NumPy's default_rng (SeedSequence, then PCG64 XSL-RR 128/64), and normal numbers as network/normal.py
   draws them, with base/logarithm.py's log and log1p. */
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned __int128 u128;

static u128 generator, increment;
static const u128 MULTIPLIER = (u128)2549297995355413924u << 64 | 4865540595714422341u;
static const double R = 3.6541528853610088, INVERSE_R = 0.27366123732975828; /* where the tail begins */

static u64 next(void) {
  generator = generator * MULTIPLIER + increment;
  u64 high = generator >> 64, x = high ^ (u64)generator, turn = high >> 58;
  return x >> turn | x << (-turn & 63);
}
static double uniform(void) { return (next() >> 11) * 0x1p-53; }

static u32 hashed(u32 x, u32 *constant, u32 factor) {
  x ^= *constant;
  x *= *constant *= factor;
  return x ^ x >> 16;
}
static u32 mixed(u32 x, u32 y) {
  x = 0xca01f9dd * x - 0x4973f715 * y;
  return x ^ x >> 16;
}

/* default_rng of these whole numbers, cut into 32-bit words. */
static void seed(const u32 *words, int count) {
  u32 pool[4], constant = 0x43b0d7e5;
  for (int i = 0; i < 4; i++) pool[i] = hashed(i < count ? words[i] : 0, &constant, 0x931e8875);
  for (int from = 0; from < (count > 4 ? count : 4); from++)
    for (int to = 0; to < 4; to++)
      if (from != to) pool[to] = mixed(pool[to], hashed(from < 4 ? pool[from] : words[from], &constant, 0x931e8875));
  u128 numbers[2]; /* the state to start from, and the increment */
  constant = 0x8b51f9dd;
  for (int i = 0; i < 2; i++) {
    u64 half[2];
    for (int k = 0; k < 2; k++) {
      u64 low = hashed(pool[2 * k], &constant, 0x58f38ded);
      half[k] = low | (u64)hashed(pool[2 * k + 1], &constant, 0x58f38ded) << 32;
    }
    numbers[i] = (u128)half[0] << 64 | half[1];
  }
  increment = numbers[1] << 1 | 1;
  generator = (increment + numbers[0]) * MULTIPLIER + increment;
}

/* log(2^n · (1 + f)) + correction. */
static double series(double f, int n, double correction, int near) {
  static const double P[] = {0, 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                             2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                             1.479819860511658591e-01};
  double high = n * 6.93147180369123816490e-01, low = n * 1.90821492927058770002e-10 + correction, square = 0.5 * f * f;
  if (near) return high - ((square * (1 - 0.66666666666666666 * f) - low) - f);
  double s = f / (2 + f), z = s * s, z2 = z * z;
  double r = z * P[1] + z2 * (P[2] + z * P[3]) + (z2 * z2) * (P[4] + z * P[5]) + ((z2 * z2) * z2) * (P[6] + z * P[7]);
  return high - ((square - (s * (square + r) + low)) - f);
}
static double log_plus(double x, double correction) {
  u64 bits = __builtin_bit_cast(u64, x);
  int n = (int)(bits >> 52) - 1023;
  double f = __builtin_bit_cast(double, (bits & ((1ull << 52) - 1)) | 1023ull << 52) - 1;
  int high = (int)(f * 0x1p20);
  if (high < 0x6a09e) return series(f, n, correction, high == 0);
  return series((f + 1) * 0.5 - 1, n + 1, correction, high > (1 << 20) - 4);
}
static double log1p(double x) {
  if (x > -0x1p-29) return x - x * x * 0.5;
  if (x > -0.2928934097290039) return series(x, 0, 0, 0);
  double u = 1 + x;
  return log_plus(u, (x - (u - 1)) / u);
}

/* A normal number; the tables of ziggurat.csv are in rows of k, w and f. */
static double normal(const double (*ziggurat)[3]) {
  for (;;) {
    u64 r = next(), k = r >> 9 & ((1ull << 52) - 1);
    int i = r & 255;
    double x = k * ziggurat[i][1];
    if (r & 256) x = -x;
    if (k < (u64)ziggurat[i][0]) return x;
    if (i) {
      double y = (ziggurat[i - 1][2] - ziggurat[i][2]) * uniform() + ziggurat[i][2];
      if (log_plus(y, 0) < -0.5 * x * x) return x;
      continue;
    }
    for (;;) {
      double a = INVERSE_R * -log1p(-uniform()), b = -log1p(-uniform());
      if (2 * b > a * a) return r & 0x20000 ? -(R + a) : R + a;
    }
  }
}
