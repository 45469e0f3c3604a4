import Foundation
import Groundwork
import ModelCore
import Published

/// What `hybrid info` says about one model, as text and as JSON.
struct ModelReport {
  let config: ModelConfig
  let base: ModelConfig
  let facts: [PublishedFact]
  let clampedFrom: Int?
  /// What evicts keys and values at evaluation; nil: nothing.
  let heavyHitters: HeavyHitters?
  /// Bytes of the weights on disk by their type; empty where there are none.
  let stored: [ElementType: Int]

  init(
    _ config: ModelConfig, facts: [PublishedFact], clampedFrom: Int?, heavyHitters: HeavyHitters? = nil,
    stored: [ElementType: Int] = [:]
  ) {
    self.config = config
    base = config.baseModel
    self.facts = facts
    self.clampedFrom = clampedFrom
    self.heavyHitters = heavyHitters
    self.stored = stored
  }

  /// Types of the stored weights, that of most bytes first.
  private var storedTypes: [String] {
    stored.sorted { ($1.value, "\($0.key)") < ($0.value, "\($1.key)") }.map { "\($0.key)" }
  }

  /// What the weights take on disk, and what they would take.
  private var weightsLine: String {
    func size(_ type: ElementType) -> String {
      "\(formatBytes(config.parameterCount * type.size)) as \(type)"
    }
    if stored.isEmpty { return "\(size(.bfloat16)), \(size(.float32))" }
    let whole = "\(formatBytes(stored.values.reduce(0, +))) as \(storedTypes.joined(separator: " and "))"
    return "\(whole) (\(size(Set(stored.keys) == [.float32] ? .bfloat16 : .float32)))"
  }

  private var latentLayers: [Int] { config.layers(of: .latentAttention) }
  /// Kinds of mixer that take attention's place and keep no rows of tokens.
  private var recurrentKinds: [MixerKind] {
    config.kinds.filter { kind in config.layers(of: kind).allSatisfy { config.kvNumbersPerToken(layer: $0) == 0 } }
  }
  /// Whether its family is another one than that of the model with attention everywhere.
  private var isConverted: Bool { config.architecture != base.architecture }

  /// The first layer without experts.
  private var denseLayer: Int? { (0..<config.layerCount).first { !config.hasExperts(layer: $0) } }

  /// Lengths at which the whole cache is compared with the base's.
  private static let contexts = [8192, 65_536]

  // MARK: JSON

  var json: JSONValue {
    get throws {
      func number(_ layer: Int?, _ count: (Int) -> Int) -> JSONValue { layer.map { .int(count($0)) } ?? .null }
      var object: [String: JSONValue] = [
        "model_type": .string(config.architecture.rawValue),
        "layers": .int(config.layerCount),
        "parameters": .int(config.parameterCount),
        "embedding_parameters": .int(config.embeddingParameterCount),
        "attention_parameters_per_layer": number(config.attentionLayer, config.mixerParameterCount),
        "feed_forward_parameters_per_layer": number(denseLayer, config.feedForwardParameterCount),
        "kv_numbers_per_token": .int(config.kvNumbersPerToken),
        "kv_bytes_per_token_bf16": .int(2 * config.kvNumbersPerToken),
        "kv_percent": .double(config.kvPercent),
        "kv_compression": config.kvPercent > 0 ? .double(100 / config.kvPercent) : .null,
        "state_numbers": .int(config.stateNumbers),
        "recurrent_numbers": .int(config.recurrentNumbers),
        "cache_percent": .object(
          Dictionary(
            uniqueKeysWithValues: Self.contexts.map { (String($0), .double(config.cachePercent(context: $0))) })),
        "base_parameters": .int(base.parameterCount),
        "base_kv_numbers_per_token": .int(config.baseKVNumbersPerToken),
        "published": .array(try facts.map { try Self.json($0) }),
      ]
      object["bfloat16_bytes"] = .int(config.parameterCount * ElementType.bfloat16.size)
      object["float32_bytes"] = .int(config.parameterCount * ElementType.float32.size)
      if !stored.isEmpty {
        object["stored_bytes"] = .int(stored.values.reduce(0, +))
        object["stored_type"] = .string(storedTypes.joined(separator: ", "))
      }
      if let latent = config.latent {
        object["latent_layers"] = .array(latentLayers.map { .int($0) })
        object["kv_rank"] = .int(latent.kvRank)
        object["q_rank"] = latent.qRank.map { .int($0) } ?? .null
        object["rope_dim"] = .int(latent.ropeHeadDim)
        object["nope_dim"] = .int(latent.nopeHeadDim)
        object["q_rank_clamped_from"] = clampedFrom.map { .int($0) }
      }
      if let heavyHitters {
        object["kept_percent"] = .double(config.kvPercent(keeping: heavyHitters))
      }
      if let experts = config.experts {
        object["active_parameters"] = .int(config.activeParameterCount)
        object["experts"] = .int(experts.count)
        object["experts_parameters_per_layer"] = number(experts.layers.first, config.feedForwardParameterCount)
        object["experts_per_token"] = .int(experts.perToken)
        object["expert_width"] = .int(experts.width)
        object["shared_width"] = .int(experts.sharedWidth)
        object["expert_layers"] = .array(experts.layers.map { .int($0) })
        object["farskip_connectivity"] = .array(
          (0..<config.layerCount).map { .string(config.connectivity(layer: $0).rawValue) })
      }
      for kind in recurrentKinds {
        let (layers, name) = (config.layers(of: kind), kind.mixer.reportName)
        object["\(name)_layers"] = .array(layers.map { .int($0) })
        object["\(name)_parameters_per_layer"] = .int(config.mixerParameterCount(layer: layers[0]))
      }
      return .object(object)
    }
  }

  static func json(_ fact: PublishedFact) throws -> JSONValue {
    var object: [String: JSONValue] = [
      "preset": .string(fact.preset), "quantity": .string(fact.quantity.rawValue), "place": .string(fact.place),
      "ours": .double(try fact.computed()), "agrees": .bool(try fact.agrees()),
      "published": fact.published.flatMap(Double.init).map { .double($0) } ?? .null,
    ]
    object["note"] = fact.note.map { .string($0) }
    if let latent = fact.latent {
      object["kv_rank"] = .int(latent.kvRank)
      object["q_rank"] = latent.qRank.map { .int($0) }
      object["rope_dim"] = .int(latent.headDim.rope)
      object["nope_dim"] = .int(latent.headDim.nope)
      object["latent_layers"] = latent.layers.map { .array($0.map { .int($0) }) }
    }
    return .object(object)
  }

  // MARK: Text

  var text: String {
    get throws {
      var lines = layerLines + parameterLines + cacheLines
      if !facts.isEmpty { lines.append("published about this shape:") }
      for fact in facts { lines.append("  " + (try Self.line(fact, showsShape: false))) }
      return lines.joined(separator: "\n")
    }
  }

  private static func line(_ name: String, _ value: String) -> String { name.leftAligned(26) + value }

  /// Size, mixers, experts and connectivity.
  private var layerLines: [String] {
    var lines = [
      Self.line(
        "model",
        "\(config.architecture.rawValue), \(config.layerCount) layers, width \(config.hiddenSize), "
          + "\(config.attentionHeads) query / \(config.keyValueHeads) KV heads of \(config.headDim)")
    ]
    for kind in config.kinds where kind != .attention {
      let summary = kind.mixer.summary(config).map { $0 + ", " } ?? ""
      lines.append(Self.line(kind.mixer.reportName, summary + listed(config.layers(of: kind))))
      guard kind == .latentAttention else { continue }
      if let clampedFrom {
        lines.append(
          Self.line("", "q rank cut from \(clampedFrom), the parity rank, to the rank of the query matrix"))
      }
      if let ranks = config.latent?.layerRanks, !ranks.isEmpty {
        lines.append(Self.line("", "\(ranks.count) layers have ranks of their own"))
      }
    }
    guard let experts = config.experts else { return lines }
    let shared = experts.sharedWidth > 0 ? ", shared width \(experts.sharedWidth)" : ""
    lines.append(
      Self.line(
        "experts",
        "\(experts.perToken) of \(experts.count), width \(experts.width)\(shared), " + listed(experts.layers)))
    for connectivity in Connectivity.allCases where connectivity != .standard {
      let layers = (0..<config.layerCount).filter { config.connectivity(layer: $0) == connectivity }
      if !layers.isEmpty { lines.append(Self.line("connectivity", "\(connectivity.rawValue) in " + listed(layers))) }
    }
    return lines
  }

  private var parameterLines: [String] {
    func line(_ name: String, _ count: Int, base: Int? = nil) -> String {
      Self.line(name, formatCount(count) + (base.map { against($0) } ?? ""))
    }
    var lines = [line("parameters", config.parameterCount, base: base.parameterCount)]
    if config.experts != nil { lines.append(line("  used by a token", config.activeParameterCount)) }
    lines.append(line("  embedding", config.embeddingParameterCount))
    if let layer = config.attentionLayer {
      lines.append(
        line(
          "  attention per layer", config.mixerParameterCount(layer: layer), base: base.mixerParameterCount(layer: 0)))
    }
    for kind in recurrentKinds {
      let layer = config.layers(of: kind)[0]
      lines.append(line("  \(kind.mixer.reportName) per layer", config.mixerParameterCount(layer: layer)))
    }
    if let layer = config.experts?.layers.first {
      lines.append(line("  experts per layer", config.feedForwardParameterCount(layer: layer)))
    }
    if let layer = denseLayer {
      lines.append(line("  feed-forward per layer", config.feedForwardParameterCount(layer: layer)))
    }
    return lines + [Self.line("weights", weightsLine)]
  }

  private var cacheLines: [String] {
    let smaller =
      !isConverted || config.kvPercent == 0 ? "" : String(format: " (%.2fx smaller)", 100 / config.kvPercent)
    var lines = [
      Self.line(
        "KV numbers per token", formatCount(config.kvNumbersPerToken) + against(config.baseKVNumbersPerToken)),
      Self.line("KV bytes per token", "\(formatCount(2 * config.kvNumbersPerToken)) in bfloat16"),
      Self.line("KV percent", "\(Self.digits(config.kvPercent)) %" + smaller),
    ]
    if let heavyHitters {
      let (context, share) = (Self.contexts[0], config.kvPercent(keeping: heavyHitters))
      let budget = heavyHitters.budget(context: context)
      lines.append(
        Self.line(
          "kept by H2O",
          "\(Self.digits(share)) %: \(formatCount(budget.recent)) recent tokens and \(formatCount(budget.heavy)) "
            + "heavy hitters of \(formatCount(context)), "
            + "\(formatCount(2 * budget.tokens * config.kvNumbersPerToken)) bytes in bfloat16"))
    }
    if config.stateNumbers > 0 {
      let shares = Self.contexts.map {
        String(format: "%.2f %% at %@ tokens", config.cachePercent(context: $0), formatCount($0))
      }
      lines += [
        Self.line("state per sequence", "\(formatCount(config.stateNumbers)) numbers, whatever its length"),
        Self.line("cache with state", shares.joined(separator: ", ") + " (bfloat16, states float32)"),
      ]
    }
    return lines
  }

  private func listed(_ layers: [Int]) -> String {
    layers.count == config.layerCount ? "all layers" : "layers \(Self.ranges(layers))"
  }

  /// Ascending numbers as --layers takes them: 0,2-4,7.
  private static func ranges(_ layers: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for layer in layers {
      if let last = runs.last, last.upperBound + 1 == layer {
        runs[runs.count - 1] = last.lowerBound...layer
      } else {
        runs.append(layer...layer)
      }
    }
    return runs.flatMap { $0.count < 3 ? $0.map(String.init) : ["\($0.lowerBound)-\($0.upperBound)"] }
      .joined(separator: ",")
  }

  /// The base's number, where the model is another than its base.
  private func against(_ base: Int) -> String { isConverted ? "   (base \(formatCount(base)))" : "" }

  /// Up to six decimals, without trailing zeros; whole numbers in groups of three digits.
  private static func digits(_ value: Double) -> String {
    if let whole = Int(exactly: value) { return formatCount(whole) }
    var text = String(format: "%.6f", value)
    while text.hasSuffix("0") { text.removeLast() }
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }

  static func line(_ fact: PublishedFact, showsShape: Bool) throws -> String {
    var text = ""
    if showsShape {
      text = fact.preset.leftAligned(max(13, fact.preset.count + 1))
      if let latent = fact.latent {
        text += "kv \(latent.kvRank)" + (latent.qRank.map { ", q \($0)" } ?? "") + ", rope \(latent.headDim.rope)"
        if let layers = latent.layers { text += ", \(layers.count) layers" }
      } else if !fact.preset.hasPrefix("hylo-") {
        text += "base"
      }
      text = text.leftAligned(max(text.count, 48))
    }
    text += "\(fact.quantity.rawValue): ours \(digits(try fact.computed()))"
    if let published = fact.published {
      text += ", published \(Int(published).map(formatCount) ?? published) (\(fact.place))"
    } else {
      text += ", not published (\(fact.place))"
    }
    if let note = fact.note { return text + (try fact.agrees() ? "; \(note)" : "  << \(note)") }
    return text
  }
}
