"""Environment variables that take features of the processor away from one library: for child processes of a test."""

LIBRARIES = {
    "libm": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2"},
    "OpenBLAS": {"OPENBLAS_CORETYPE": "Nehalem"},
    "NumPy": {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"},  # found in this build, and no others
    "Numba": {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": ""},
}
ALL = {name: value for variables in LIBRARIES.values() for name, value in variables.items()}
