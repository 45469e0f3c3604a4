/// The sizes of RULER's parts: the published ones, and a port for vocabularies of about 2,048 pieces and lengths from
/// 256 tokens that keeps seven-digit values, the kinds of haystack, the depths, the chains' hops, the ratios of
/// frequencies and generated, prefixed answers.
public enum RulerScale: String, CaseIterable, Codable, Sendable { case small, paper }
