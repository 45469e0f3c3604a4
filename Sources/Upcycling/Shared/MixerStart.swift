/// What a recurrent mixer that takes attention's place starts from.
public enum MixerStart: String, Codable, CaseIterable, Sendable {
  /// Attention's projections, where the mixer has such.
  case structured
  /// The baseline: the whole mixer starts as an untrained one.
  case random
}
