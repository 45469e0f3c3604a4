import Groundwork

/// Something a paper asserts, as quantities over cells that must lie within bounds. A claim is decided
/// only by the data: at least three seeds and an interval that lies on one side of the bound.
public struct Claim: Sendable {
  /// Carries the paper: X-C1, Z-Z1, H-C1, F-C1.
  public let id: String
  public let statement: String
  /// The published evidence.
  public let evidence: String
  public let tests: [Test]
  /// What must exist before it can be tested at all; nil when its cells run.
  public let pending: String?

  /// `quantity` within (lower - tolerance, upper + tolerance).
  public struct Test: Sendable {
    /// Name in the expression -> cell and metric.
    public let terms: [String: Term]
    let quantity: Expression
    public let lower: Double?
    public let upper: Double?
    public let tolerance: Double
    public let seeds: Int
  }

  public struct Term: Sendable {
    public let cell: String
    public let metric: String
  }

  init(_ value: JSONValue, path: String, file: String) throws {
    let object = try JSONObject(
      value, at: path, in: file, known: ["id", "statement", "evidence", "metric", "tests", "pending"])
    id = try object.required("id", object.string)
    statement = try object.required("statement", object.string)
    evidence = try object.string("evidence") ?? ""
    pending = try object.string("pending")
    let metric = try object.string("metric")
    tests = try object.list("tests") { try Test($0, path: $1, file: file, metric: metric) }
    if tests.isEmpty && pending == nil {
      throw UpcycleError("\(path) (\(id)) tests nothing", at: file, hint: "give \"tests\", or say why in \"pending\"")
    }
  }
}

extension Claim.Test {
  init(_ value: JSONValue, path: String, file: String, metric: String?) throws {
    let object = try JSONObject(
      value, at: path, in: file, known: ["let", "quantity", "above", "below", "tolerance", "seeds"])
    terms = try object.required("let") { try object.object($0)?.values }.mapValues { term in
      if let cell = term.string, let metric { return Claim.Term(cell: cell, metric: metric) }
      let inner = try JSONObject(term, at: "\(path).let", in: file, known: ["cell", "metric"])
      return Claim.Term(
        cell: try inner.required("cell", inner.string),
        metric: try inner.string("metric") ?? metric ?? inner.required("metric", inner.string))
    }
    do { quantity = try Expression(object.required("quantity", object.string)) } catch var error as UpcycleError {
      error.location = "\(file), \(path)"
      throw error
    }
    lower = try object.double("above")
    upper = try object.double("below")
    tolerance = try object.double("tolerance") ?? 0
    seeds = try object.int("seeds") ?? 3
    if lower == nil && upper == nil {
      throw UpcycleError("\(path) bounds nothing", at: file, expected: "\"above\", \"below\" or both")
    }
    if seeds < 3 || tolerance < 0 {
      throw UpcycleError(
        "\(path) would decide too easily", at: file, expected: "at least 3 seeds and a tolerance of 0 or more")
    }
    for name in quantity.names where terms[name] == nil {
      throw UpcycleError(
        "\(path).quantity names \"\(name)\"", at: file,
        hint: "\"let\" defines \(terms.keys.sorted().joined(separator: ", "))")
    }
  }
}
