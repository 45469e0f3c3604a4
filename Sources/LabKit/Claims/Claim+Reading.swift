import Groundwork

extension Claim {
  /// - Parameter gates: of the experiment, by name: what it misses
  init(_ value: JSONValue, path: String, file: String, gates: [String: JSONValue]) throws {
    let object = try JSONObject(
      value, at: path, in: file,
      known: [
        "id", "statement", "evidence", "metric", "measured", "pretrainings", "pairs_seeds", "tests", "pending",
        "headline", "scale", "gate", "asks_again",
      ])
    id = try object.required("id", object.string)
    statement = try object.required("statement", object.string)
    evidence = try object.string("evidence") ?? ""
    pending = try object.string("pending")
    isHeadline = try object.bool("headline") ?? false
    scale = try object.string("scale")
    asksAgain = try object.string("asks_again")
    let name = try object.string("gate")
    gate = name.flatMap { gates[$0]?.string }
    if let name, gate == nil {
      throw UpcycleError(
        "\(path) (\(id)) stands behind an unknown gate \"\(name)\"", at: file,
        hint: "\"gates\" holds \(gates.isEmpty ? "none" : gates.keys.sorted().joined(separator: ", "))")
    }
    let shared = (
      metric: try object.string("metric"), measured: try object.string("measured"),
      pretrainings: try object.int("pretrainings") ?? 1, pairsSeeds: try object.bool("pairs_seeds") ?? false
    )
    tests = try object.list("tests") { try Test($0, path: $1, file: file, shared: shared) }
    if tests.isEmpty && pending == nil {
      throw UpcycleError("\(path) (\(id)) tests nothing", at: file, hint: "give \"tests\", or say why in \"pending\"")
    }
    if shared.pretrainings < 1 {
      throw UpcycleError(
        "\(path) (\(id)) has no pretraining", at: file, expected: "pretrainings of 1 or more",
        found: "\(shared.pretrainings)")
    }
    if isHeadline && scale == nil {
      throw UpcycleError(
        "\(path) (\(id)) is a headline without \"scale\"", at: file, expected: "what micro scale can and cannot say")
    }
  }
}

extension Claim.Test {
  /// - Parameter shared: what the claim says for all of its tests.
  init(
    _ value: JSONValue, path: String, file: String,
    shared: (metric: String?, measured: String?, pretrainings: Int, pairsSeeds: Bool)
  ) throws {
    let metric = shared.metric
    let object = try JSONObject(
      value, at: path, in: file,
      known: [
        "let", "quantity", "slope", "above", "below", "equivalent", "not_worse", "published", "measured", "seeds",
      ])
    if object.values["slope"] != nil {
      if let other = ["let", "quantity"].first(where: { object.values[$0] != nil }) {
        throw UpcycleError("\(path) has a slope and \"\(other)\"", at: file, expected: "one of the two")
      }
      (terms, quantity) = try Self.slope(object, metric: metric)
    } else {
      terms = try object.required("let") { try object.object($0)?.values }.reduce(into: [:]) { terms, item in
        terms[item.key] = try Claim.Term(item.value, path: "\(path).let.\(item.key)", file: file, metric: metric)
      }
      quantity = .expression(try Self.expression(object, naming: terms))
    }
    (kind, lower, upper) = try Self.region(object)
    let name = try object.string("measured") ?? shared.measured ?? Claim.Measurement.seeds.rawValue
    guard let known = Claim.Measurement(rawValue: name) else {
      throw UpcycleError(
        "\(object.place("measured")) is unknown", at: file,
        expected: Claim.Measurement.allCases.map(\.rawValue).joined(separator: ", "), found: "\"\(name)\"")
    }
    measurement = known
    published = try object.double("published")
    seeds = try object.int("seeds") ?? 3
    (pretrainings, pairsSeeds) = (shared.pretrainings, shared.pairsSeeds)
    if seeds < 3 {
      throw UpcycleError("\(path) would decide too easily", at: file, expected: "at least 3 seeds", found: "\(seeds)")
    }
  }

  private static func expression(_ object: JSONObject, naming terms: [String: Claim.Term]) throws -> Expression {
    let expression: Expression
    do { expression = try Expression(object.required("quantity", object.string)) } catch var error as UpcycleError {
      error.location = "\(object.file), \(object.path)"
      throw error
    }
    // Where they bend, an interval would be of no width.
    for function in ["abs", "round"] where expression.functions.contains(function) {
      throw UpcycleError(
        "\(object.path).quantity calls \(function), of which no error can be told", at: object.file,
        hint: "a bound above and one below say the same")
    }
    for name in expression.names where terms[name] == nil {
      throw UpcycleError(
        "\(object.path).quantity names \"\(name)\"", at: object.file,
        hint: "\"let\" defines \(terms.keys.sorted().joined(separator: ", "))")
    }
    return expression
  }

  /// `slope: [{ cells: […], x: […] }, …]`: ladders of cells, each with its own level, and one slope.
  private static func slope(
    _ object: JSONObject, metric: String?
  ) throws -> ([String: Claim.Term], Claim.Quantity) {
    var terms: [String: Claim.Term] = [:]
    let ladders = try object.list("slope") { value, place -> (names: [String], xs: [Double]) in
      let ladder = try JSONObject(value, at: place, in: object.file, known: ["cells", "x", "metric"])
      let cells = try ladder.required("cells", ladder.strings)
      let xs = try ladder.required("x", ladder.array).map { item in
        guard let x = item.double, x.isFinite else {
          throw UpcycleError("\(place).x holds something else than numbers", at: object.file, found: item.kind)
        }
        return x
      }
      if cells.count < 2 || cells.count != xs.count || Set(xs).count < 2 {
        throw UpcycleError(
          "\(place) is no ladder", at: object.file, expected: "two or more cells and as many different numbers in x",
          found: "\(cells.count) cells, \(xs.count) numbers")
      }
      let metric = try ladder.string("metric") ?? metric ?? ladder.required("metric", ladder.string)
      let names = cells.indices.map { "\(place).\($0)" }
      for (name, cell) in zip(names, cells) { terms[name] = Claim.Term(cells: [cell], metric: metric) }
      return (names, xs)
    }
    let weights = slopeWeights(ladders.map(\.xs))
    let pairs = zip(ladders, weights).flatMap { zip($0.names, $1) }
    return (terms, .slope(ladders.map(\.names), weights: Dictionary(uniqueKeysWithValues: pairs)))
  }

  private static func region(_ object: JSONObject) throws -> (Claim.Kind, lower: Double?, upper: Double?) {
    let (above, below) = (try object.double("above"), try object.double("below"))
    let given = [
      above != nil || below != nil, object.values["equivalent"] != nil, object.values["not_worse"] != nil,
    ]
    guard given.count(where: { $0 }) == 1 else {
      throw UpcycleError(
        "\(object.path) bounds \(given.contains(true) ? "in two ways" : "nothing")", at: object.file,
        expected: "\"above\" and \"below\" (either or both), or \"equivalent\", or \"not_worse\"")
    }
    if let above, let below, above >= below {
      throw UpcycleError(
        "\(object.path) leaves nothing between its bounds", at: object.file, expected: "\"above\" less than \"below\"",
        found: "above \(above), below \(below)")
    }
    if given[0] { return (.bounds, above, below) }
    let key = given[1] ? "equivalent" : "not_worse"
    let centre = given[1] ? "to" : "than"
    let margin = try JSONObject(
      object.values[key]!, at: object.place(key), in: object.file, known: [centre, "margin", "reason"])
    let (from, width) = (try margin.double(centre) ?? 0, try margin.required("margin", margin.double))
    let reason = try margin.required("reason", margin.string)
    if width <= 0 { throw UpcycleError("\(margin.place("margin")) is not above 0", at: object.file) }
    return given[1]
      ? (.equivalent(to: from, margin: width, reason: reason), from - width, from + width)
      : (.notWorse(than: from, margin: width, reason: reason), from - width, nil)
  }
}

extension Claim.Term {
  /// A cell's id (the claim's metric), `{ cell, metric }`, or `{ cells: […], metric }`.
  init(_ value: JSONValue, path: String, file: String, metric: String?) throws {
    if let cell = value.string, let metric {
      (cells, self.metric) = ([cell], metric)
      return
    }
    let object = try JSONObject(value, at: path, in: file, known: ["cell", "cells", "metric"])
    cells = try object.strings("cells") ?? [object.required("cell", object.string)]
    self.metric = try object.string("metric") ?? metric ?? object.required("metric", object.string)
    if cells.isEmpty { throw UpcycleError("\(path).cells is empty", at: file) }
  }
}
