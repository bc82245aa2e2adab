/* SHA-256 (FIPS 180-4). A page from a plain http server has no crypto.subtle. */
static u32 turned(u32 x, int n) { return x >> n | x << (32 - n); }

static int prime(int n) {
  for (int candidate = 2;; candidate++) {
    int divisor = 2;
    while (candidate % divisor) divisor++;
    if (divisor == candidate && !n--) return candidate;
  }
}

/* The first 32 bits of the fractional part of the square or cube root. */
static u32 root(u128 prime, int cube) {
  u64 found = 0; /* ⌊root · 2^32⌋, bit by bit */
  for (u64 bit = 1ull << 36; bit; bit >>= 1) {
    u128 x = found | bit;
    if (cube ? x * x * x <= prime << 96 : x * x <= prime << 64) found |= bit;
  }
  return (u32)found;
}

/* Write the digest of the message, which has room for 72 bytes more, into `digest` (32 bytes). */
static void sha256(unsigned char *message, u32 size, u32 *digest) {
  u32 constants[64], hash[8], blocks = (size + 9 + 63) / 64;
  for (int i = 0; i < 64; i++) constants[i] = root(prime(i), 1);
  for (int i = 0; i < 8; i++) hash[i] = root(prime(i), 0);
  for (u32 i = size; i < blocks * 64; i++) message[i] = i == size ? 128 : 0;
  for (int i = 0; i < 8; i++) message[blocks * 64 - 1 - i] = (u64)size * 8 >> 8 * i;
  for (u32 block = 0; block < blocks; block++) {
    u32 w[64], s[8];
    for (int i = 0; i < 16; i++) w[i] = __builtin_bswap32(((u32 *)message)[block * 16 + i]);
    for (int i = 16; i < 64; i++)
      w[i] = w[i - 16] + (turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
             (turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ w[i - 2] >> 10);
    for (int i = 0; i < 8; i++) s[i] = hash[i];
    for (int i = 0; i < 64; i++) {
      u32 one = s[7] + (turned(s[4], 6) ^ turned(s[4], 11) ^ turned(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                constants[i] + w[i];
      u32 two = (turned(s[0], 2) ^ turned(s[0], 13) ^ turned(s[0], 22)) +
                ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
      for (int k = 7; k; k--) s[k] = s[k - 1];
      s[4] += one, s[0] = one + two;
    }
    for (int i = 0; i < 8; i++) hash[i] += s[i];
  }
  for (int i = 0; i < 8; i++) digest[i] = __builtin_bswap32(hash[i]);
}
