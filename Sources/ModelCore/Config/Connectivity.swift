import Groundwork

/// Where the two halves of a layer read the residual stream (FarSkip-Collective, section 3).
///
/// Two streams run through the layers: R, the full residual, and N, the residual without the last layer's routed
/// experts ("routed-free"). With a_k, s_k, r_k the outputs of attention, shared and routed experts of layer k,
///
///   N_k = (R_{k-1} + a_k) + s_k,   R_k = N_k + r_k      summed in this order everywhere
///
/// | connectivity    | attention reads | experts read   | hands on     | what a collective can hide behind
/// | standard        | R_{k-1}         | R_{k-1} + a_k  | N = R        | nothing
/// | farskip         | N_{k-1}         | R_{k-1}        | N_k and R_k  | dispatch and combine
/// | attention-only  | N_{k-1}         | R_{k-1} + a_k  | N_k and R_k  | the combine
/// | mlp-only        | R_{k-1}         | R_{k-1}        | N = R        | the dispatch (a parallel block)
///
/// Boundaries: N_0 = R_0 is the embedding. A layer that awaits its own combine (standard, mlp-only) withholds nothing,
/// nor does a layer with a dense feed-forward, whose output takes the place of s: N = R behind it. The final norm reads
/// R_L.
public enum Connectivity: String, CaseIterable, Codable, Sendable {
  /// Both halves wait for all that came before them.
  case standard
  /// Both skip: attention the experts of the layer before, the experts their own layer's attention.
  case farskip
  /// The attention alone skips.
  case attentionOnly = "attention-only"
  /// The feed-forward or the experts alone skip.
  case mlpOnly = "mlp-only"

  /// The attention of layer k reads N_{k-1}, and a layer with experts hands N_k on.
  public var skipsRoutedOutput: Bool { self == .farskip || self == .attentionOnly }
  /// The feed-forward or the experts of layer k read R_{k-1}, before a_k.
  public var skipsAttentionOutput: Bool { self == .farskip || self == .mlpOnly }
}

extension ModelConfig {
  /// The connectivity of one layer.
  public func connectivity(layer: Int) -> Connectivity {
    connectivities.indices.contains(layer) ? connectivities[layer] : .standard
  }

  /// Layers that are not standard, ascending.
  public var rewiredLayers: [Int] { connectivities.indices.filter { connectivities[$0] != .standard } }

  /// This model with `layers` connected anew, the others as they are; weights stay what they were.
  /// - Throws: usage errors for a model without experts and for layers that it does not have.
  public func connecting(_ layers: [Int], as connectivity: Connectivity) throws -> ModelConfig {
    var config = self
    var all = (0..<layerCount).map { self.connectivity(layer: $0) }
    for layer in layers {
      guard all.indices.contains(layer) else {
        throw UpcycleError.usage(
          "layer index out of range", at: "layers", expected: "0...\(layerCount - 1)", found: "\(layer)")
      }
      all[layer] = connectivity
    }
    config.connectivities = all.allSatisfy { $0 == .standard } ? [] : all
    try config.validate(file: "rewired configuration")
    return config
  }
}

// MARK: Keys

/// A rewired model is not what its family's name promises, and nobody else may load it as such: config.json names a
/// type of ours, with the family in a key of its own. Folders that were written with the family's name are read too.
extension ModelConfig {
  fileprivate static let rewiredType = "upcycle_farskip"
  fileprivate static let baseTypeKey = "base_model_type"

  /// The keys that say so, in place of the family's.
  var rewiredIdentity: [String: JSONValue] {
    [
      "model_type": .string(Self.rewiredType), "architectures": .array([.string("UpcycleFarSkipForCausalLM")]),
      Self.baseTypeKey: .string(architecture.rawValue),
    ]
  }
}

extension JSONObject {
  /// A rewired model's keys under its family's name; any other object is itself.
  func baseOfRewired() throws -> JSONObject {
    guard values["model_type"]?.string == ModelConfig.rewiredType else { return self }
    var values = values
    values["model_type"] = .string(try required(ModelConfig.baseTypeKey) { try string($0) })
    return JSONObject(values: values, file: file, path: path)
  }
}

extension ModelConfig {
  /// Reads `farskip_connectivity`; absent means standard everywhere.
  static func connectivities(_ model: JSONObject, layerCount: Int) throws -> [Connectivity] {
    guard let list = try model.array("farskip_connectivity") else { return [] }
    let known = Connectivity.allCases.map(\.rawValue).joined(separator: ", ")
    let all = try list.map { value in
      guard let connectivity = value.string.flatMap(Connectivity.init) else {
        throw model.fail("farskip_connectivity", expected: "one of \(known) per layer")
      }
      return connectivity
    }
    guard all.count == layerCount else {
      throw UpcycleError(
        "\"farskip_connectivity\" does not fit num_hidden_layers", at: model.file, expected: "\(layerCount) entries",
        found: "\(all.count)")
    }
    return all.allSatisfy { $0 == .standard } ? [] : all
  }
}
