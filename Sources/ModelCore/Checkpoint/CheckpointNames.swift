/// Other spellings of the names in a checkpoint that people meet, and ours for them:
///
/// - saved from the bare backbone: `layers.0...` for `model.layers.0...` (`h.0...` for `transformer.h.0...`);
/// - the language model inside of a multimodal one: `language_model.model.layers.0...` or
///   `model.language_model.layers.0...`, beside towers for images, which are left alone;
/// - all experts of a layer in two tensors, as transformers 5 saves them.
struct CheckpointNames {
  private enum Spelling { case usual, backbone(prefix: String), multimodal }
  private let spelling: Spelling

  /// - Parameter stored: every name in the checkpoint
  init(_ stored: some Collection<String>) {
    if stored.contains(where: { name in Self.inner.contains { name.hasPrefix($0.theirs) } }) {
      spelling = .multimodal
    } else if stored.contains("embed_tokens.weight") {
      spelling = .backbone(prefix: "model.")
    } else if stored.contains("wte.weight") {
      spelling = .backbone(prefix: "transformer.")
    } else {
      spelling = .usual
    }
  }

  private static let inner = [
    (theirs: "language_model.model.", ours: "model."), (theirs: "model.language_model.", ours: "model."),
    (theirs: "language_model.lm_head.", ours: "lm_head."),
  ]

  /// Our name of a stored tensor; nil for one that is no part of the language model.
  func own(_ name: String) -> String? {
    switch spelling {
    case .usual: return name
    case .backbone(let prefix): return name.hasPrefix("lm_head.") ? name : prefix + name
    case .multimodal:
      for (theirs, ours) in Self.inner where name.hasPrefix(theirs) { return ours + name.dropFirst(theirs.count) }
      return name.hasPrefix("lm_head.") ? name : nil
    }
  }

  /// What a tensor is made of: itself, or every expert's matrices of packed ones, `gate_up_proj` [E, 2 F, D] and
  /// `down_proj` [E, D, F].
  static func parts(_ name: String, _ shape: [Int]) -> [(name: String, shape: [Int], offset: Int)] {
    guard shape.count == 3, let module = name.range(of: ".mlp.experts.") else { return [(name, shape, 0)] }
    let (prefix, rest) = (name[..<module.upperBound], name[module.upperBound...])
    let projections: [String]
    switch rest {
    case "gate_up_proj" where shape[1] % 2 == 0: projections = ["gate_proj", "up_proj"]
    case "down_proj": projections = ["down_proj"]
    default: return [(name, shape, 0)]
    }
    let own = [shape[1] / projections.count, shape[2]]
    return (0..<shape[0]).flatMap { expert in
      projections.enumerated().map { index, projection in
        (
          name: "\(prefix)\(expert).\(projection).weight", shape: own,
          offset: (expert * projections.count + index) * own[0] * own[1]
        )
      }
    }
  }
}
