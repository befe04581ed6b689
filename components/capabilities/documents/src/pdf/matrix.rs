//! Transformations of the plane.

/// `[a b c d e f]` as PDF writes it: x′ = a·x + c·y + e, y′ = b·x + d·y + f.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Matrix([f64; 6]);

impl Matrix {
    pub(super) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    pub(super) fn new(values: [f64; 6]) -> Self {
        Self(values)
    }

    pub(super) fn translation(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// First `self`, then `other`.
    pub(super) fn then(self, other: Self) -> Self {
        let [a, b, c, d, e, f] = self.0;
        let [o_a, o_b, o_c, o_d, o_e, o_f] = other.0;
        Self([
            a * o_a + b * o_c,
            a * o_b + b * o_d,
            c * o_a + d * o_c,
            c * o_b + d * o_d,
            e * o_a + f * o_c + o_e,
            e * o_b + f * o_d + o_f,
        ])
    }

    /// Where the origin comes to lie.
    pub(super) fn origin(self) -> (f64, f64) {
        let [.., e, f] = self.0;
        (e, f)
    }

    /// What becomes of the unit vectors along the x axis and along the y axis.
    pub(super) fn axes(self) -> ((f64, f64), (f64, f64)) {
        let [a, b, c, d, ..] = self.0;
        ((a, b), (c, d))
    }
}
