/// What of the logits [tokens, vocab] a training step holds at once (HyLo Tables 1 and 9). Training always
/// uses `hidden`; the others exist to be compared with.
public enum LossForm: String, CaseIterable, Codable, Sendable {
  /// Logits of student and teacher, log-softmax, softmax and gradient, all whole.
  case naive
  /// Both logits and the gradient whole, softmaxes in chunks of tokens ("chunked KL").
  case chunked
  /// Both logits whole; the gradient takes the place of the student's ("fused KL").
  case fused
  /// None: logits, softmaxes and gradient exist for a chunk of tokens at a time ("fused hidden-state KL").
  case hidden

  /// Whole matrices of logits, and of softmaxes and gradients, that stand at the peak.
  public func matrices(hasTeacher: Bool) -> (logits: Int, others: Int) {
    switch self {
    case .naive: return hasTeacher ? (2, 3) : (1, 2)
    case .chunked: return hasTeacher ? (2, 1) : (1, 1)
    case .fused: return hasTeacher ? (2, 0) : (1, 0)
    case .hidden: return (0, 0)
    }
  }
}
