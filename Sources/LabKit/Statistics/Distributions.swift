import Foundation

// The laws that intervals and tests rest on. Incomplete gamma and beta functions by series and continued fractions
// (Abramowitz and Stegun 6.5.29, 6.5.31, 26.5.8; modified Lentz), quantiles by bisection on the distribution function:
// slow and exact to about 1e-12, which is what a handful of intervals needs. Tests/Goldens/statistics.json holds
// scipy's values.

/// P(Z <= x) of a standard normal.
func normalProbability(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }

/// The x with P(Z <= x) = `probability` of a standard normal.
func normalQuantile(_ probability: Double) -> Double {
  quantile(probability, between: -40...40, normalProbability)
}

/// P(T <= x) of Student's t; `freedom` may be broken (Satterthwaite) or infinite (the normal law).
func studentProbability(_ x: Double, freedom: Double) -> Double {
  // Gamma functions of large numbers cancel; the normal law is near (Abramowitz and Stegun 26.7.8, off by 1 / freedom^2).
  if freedom > 1e6 { return normalProbability(x * (1 - 0.25 / freedom) / (1 + x * x / (2 * freedom)).squareRoot()) }
  let tail = 0.5 * regularisedBeta(freedom / (freedom + x * x), freedom / 2, 0.5)
  return x > 0 ? 1 - tail : tail
}

/// The x with P(T <= x) = `probability` of Student's t.
func studentQuantile(_ probability: Double, freedom: Double) -> Double {
  if freedom == .infinity { return normalQuantile(probability) }
  // The upper half by symmetry: tails near 0 keep their digits.
  if probability > 0.5 { return -studentQuantile(1 - probability, freedom: freedom) }
  if probability == 0.5 { return 0 }
  return quantile(probability, between: -1e9...0) { studentProbability($0, freedom: freedom) }
}

/// P(X > x) of chi-square with `freedom` degrees of freedom.
func chiSquareTail(_ x: Double, freedom: Double) -> Double { x <= 0 ? 1 : regularisedGammaTail(freedom / 2, x / 2) }

/// P(X > x) of Fisher's F, a ratio of two mean squares with these degrees of freedom.
func fisherTail(_ x: Double, numerator: Double, denominator: Double) -> Double {
  x <= 0 ? 1 : regularisedBeta(denominator / (denominator + numerator * x), denominator / 2, numerator / 2)
}

/// P(T > x) of Student's t with the noncentrality `shift`: what a test of size x finds of an effect of `shift` standard
/// errors. Integrates the normal law over the law of the estimated standard deviation, s = chi / sqrt(freedom), by
/// Simpson's rule over the middle of that law.
func noncentralStudentTail(_ x: Double, freedom: Double, shift: Double) -> Double {
  if freedom == .infinity || freedom > 1e6 { return normalProbability(shift - x) }
  // Density of s: 2 (f/2)^(f/2) / Gamma(f/2) s^(f-1) exp(-f s^2 / 2).
  let scale = log(2) + freedom / 2 * log(freedom / 2) - lgamma(freedom / 2)
  let density = { (s: Double) in
    s > 0 ? exp(scale + (freedom - 1) * log(s) - freedom * s * s / 2) : freedom == 1 ? exp(scale) : 0
  }
  let spread = 12 / (2 * freedom).squareRoot()
  let (low, high) = (max(0, 1 - spread), 1 + spread)
  let steps = 400
  let width = (high - low) / Double(steps)
  var sum = 0.0
  for step in 0...steps {
    let s = low + width * Double(step)
    let weight = step == 0 || step == steps ? 1.0 : step % 2 == 1 ? 4 : 2
    sum += weight * density(s) * normalProbability(shift - x * s)
  }
  return min(1, sum * width / 3)
}

// MARK: - Special functions

/// I_x(a, b).
private func regularisedBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
  if x <= 0 { return 0 }
  if x >= 1 { return 1 }
  // The fraction converges fast below (a + 1) / (a + b + 2); beyond it, the other side does.
  if x > (a + 1) / (a + b + 2) { return 1 - regularisedBeta(1 - x, b, a) }
  let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
  let fraction = continuedFraction { step in
    if step == 0 { return (1, 1) }
    let m = Double(step / 2)
    let numerator =
      step % 2 == 0
      ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)) : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return (numerator, 1)
  }
  return front / fraction
}

/// Q(a, x) = Gamma(a, x) / Gamma(a).
private func regularisedGammaTail(_ a: Double, _ x: Double) -> Double {
  let front = exp(a * log(x) - x - lgamma(a))
  if x < a + 1 {
    var (term, sum, k) = (1 / a, 1 / a, a)
    while term > sum * 1e-17 {
      k += 1
      term *= x / k
      sum += term
    }
    return max(0, 1 - front * sum)
  }
  let fraction = continuedFraction { step in
    if step == 0 { return (1, x + 1 - a) }
    let k = Double(step)
    return (-k * (k - a), x + 2 * k + 1 - a)
  }
  return front / fraction
}

/// b0 + a1 / (b1 + a2 / (b2 + ...)) by the modified Lentz method; `term(0)` gives b0 (its numerator is unused).
private func continuedFraction(_ term: (Int) -> (numerator: Double, denominator: Double)) -> Double {
  let tiny = 1e-300
  var value = term(0).denominator
  if value == 0 { value = tiny }
  var (c, d) = (value, 0.0)
  for step in 1..<10_000 {
    let (numerator, denominator) = term(step)
    d = denominator + numerator * d
    c = denominator + numerator / c
    d = 1 / (d == 0 ? tiny : d)
    if c == 0 { c = tiny }
    value *= c * d
    if (c * d - 1).magnitude < 1e-16 { break }
  }
  return value
}

/// Where the rising function `probability` passes `target`, by bisection to the last bits.
private func quantile(
  _ target: Double, between range: ClosedRange<Double>, _ probability: (Double) -> Double
) -> Double {
  var (low, high) = (range.lowerBound, range.upperBound)
  for _ in 0..<200 {
    let middle = (low + high) / 2
    if middle <= low || middle >= high { break }
    if probability(middle) < target { low = middle } else { high = middle }
  }
  return (low + high) / 2
}
