//! What was measured: samples, their median, a ratio, an aim.
//!
//! Plain data that is written as JSON; knows not how it came about.

use serde::Serialize;

/// What a sample counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    Seconds,
    Bytes,
    StepsPerSecond,
}

/// One thing that was measured, once a round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) samples: Vec<f64>,
    #[serde(flatten)]
    pub(crate) spread: Spread,
    pub(crate) ratio: Option<Ratio>,
    pub(crate) aim: Option<Aim>,
}

/// Samples in short.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// How a figure stands to another one of the same rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ratio {
    pub(crate) to: String,
    pub(crate) samples: Vec<f64>,
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

/// What a figure should be at most.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Aim {
    pub(crate) of: AimOf,
    pub(crate) at_most: f64,
    pub(crate) met: bool,
}

/// What an aim is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AimOf {
    Median,
    Ratio,
}

/// What was measured in one section.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// What the figures are, for people.
    pub(crate) about: String,
    pub(crate) figures: Vec<Figure>,
    /// What could not be measured, and why.
    pub(crate) left_out: Vec<String>,
}

impl Spread {
    fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        Spread {
            // Of an even number, the mean of the two in the middle.
            median: f64::midpoint(at(last / 2), at(sorted.len() / 2)),
            min: at(0),
            max: at(last),
        }
    }
}

/// The value in the middle.
pub(crate) fn median(samples: &[f64]) -> f64 {
    Spread::of(samples).median
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: Unit, samples: &[f64]) -> Self {
        Figure {
            name: name.into(),
            unit,
            samples: samples.to_vec(),
            spread: Spread::of(samples),
            ratio: None,
            aim: None,
        }
    }

    pub(crate) fn seconds(name: impl Into<String>, samples: &[f64]) -> Self {
        Figure::new(name, Unit::Seconds, samples)
    }

    pub(crate) fn bytes(name: impl Into<String>, samples: &[f64]) -> Self {
        Figure::new(name, Unit::Bytes, samples)
    }

    /// Beside the samples of the same rounds of something else.
    pub(crate) fn to(mut self, name: &str, others: &[f64]) -> Self {
        let pairs = self.samples.iter().zip(others);
        let samples: Vec<f64> = pairs.map(|(own, other)| own / other).collect();
        self.ratio = (!samples.is_empty()).then(|| Ratio {
            to: name.to_owned(),
            spread: Spread::of(&samples),
            samples,
        });
        self
    }

    /// What the median should be at most.
    pub(crate) fn at_most(mut self, limit: f64) -> Self {
        self.aim = Some(Aim {
            of: AimOf::Median,
            at_most: limit,
            met: self.spread.median <= limit,
        });
        self
    }

    /// What the ratio should be at most; nothing where there is none.
    pub(crate) fn ratio_at_most(mut self, limit: f64) -> Self {
        self.aim = self.ratio.as_ref().map(|ratio| Aim {
            of: AimOf::Ratio,
            at_most: limit,
            met: ratio.spread.median <= limit,
        });
        self
    }
}

impl Section {
    pub(crate) fn new(name: &'static str, about: &str) -> Self {
        Section {
            name,
            about: about.to_owned(),
            figures: Vec::new(),
            left_out: Vec::new(),
        }
    }

    pub(crate) fn tell(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub(crate) fn leave_out(&mut self, why: impl Into<String>) {
        self.left_out.push(why.into());
    }
}
