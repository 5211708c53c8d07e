//! Seeds: one number decides every random choice of a run.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

/// The generator that every random choice uses: named, portable and small, so a seed gives the same operations everywhere.
pub type Rng = Xoshiro256PlusPlus;

/// Mixes 64 bits so that nearby inputs give unrelated outputs (the finaliser of SplitMix64, Steele, Lea and Flood 2014). A bijection.
#[inline]
pub fn mix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A seed from which others are derived by name, so that adding a consumer does not change what the others draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of the part called `label`.
    pub fn derive(self, label: &str) -> Seed {
        // FNV-1a over the label: stable across versions of the compiler, unlike the standard library's hasher.
        let hash = label.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        Seed(mix64(self.0 ^ mix64(hash)))
    }

    /// The seed of the `index`-th of several equal parts.
    pub fn index(self, index: u64) -> Seed {
        Seed(mix64(self.0 ^ mix64(index.wrapping_add(1))))
    }

    /// A generator that starts from this seed.
    pub fn rng(self) -> Rng {
        Rng::seed_from_u64(self.0)
    }
}

/// A uniform number in [0, 1) with 53 random bits.
#[inline]
pub fn unit(rng: &mut Rng) -> f64 {
    use rand_xoshiro::rand_core::Rng as _;
    (rng.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// A uniform number in 0..n by multiplication (Lemire 2019, without the rejection step: the bias is below n / 2^64).
#[inline]
pub fn below(rng: &mut Rng, n: u64) -> u64 {
    use rand_xoshiro::rand_core::Rng as _;
    ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_gives_the_same_seed_again_and_another_label_another() {
        let seed = Seed(42);
        assert_eq!(seed.derive("keys"), seed.derive("keys"));
        assert_ne!(seed.derive("keys"), seed.derive("values"));
        assert_ne!(seed.index(0), seed.index(1));
    }

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut rng = Seed(1).rng();
        let mut seen = [false; 7];
        for _ in 0..1_000 {
            seen[below(&mut rng, 7) as usize] = true;
            assert!((0.0..1.0).contains(&unit(&mut rng)));
        }
        assert_eq!(seen, [true; 7]);
    }
}
