/// How a stack of mixture-of-experts blocks hides its collectives. Every method runs the same sub-operations
/// (`LayerDurations`); they differ in which of them may run while a collective is in flight.
public enum OverlapMethod: String, CaseIterable, Sendable {
  /// The ordinary pre-norm block: one chain, both collectives exposed.
  case standard
  /// The ordinary block with the shared expert running while the combine is in flight (Megatron's option): exact.
  case sharedExpert = "shared-expert"
  /// FarSkip with the placement of its paper (section 4.1): the dispatch behind the core attention; the combine behind
  /// the shared expert and the next projections. Backward with the windows swapped. At inference (section 4.2) the
  /// merged all-reduce behind router and routed experts, the routed one behind the next attention.
  case farskip
  /// FarSkip's function with A, B and S divisible and free to move between windows, as the dependencies
  /// allow: router and experts run the moment their input is there, everything else fills what is left.
  case farskipFree = "farskip-free"
  /// Two half batches in turns (SGLang's TBO, vLLM's DBO): a collective of one half behind the computation of the
  /// other. Exact; pays the latency of twice as many messages.
  case twoBatch = "two-batch"
  /// ScMoE (arXiv 2404.05019): the experts read the previous block's output through a shortcut and join at the end of
  /// the block, so both collectives run beside the dense path (attention, then shared expert) of the current block.
  /// Operators are whole; the experts run between those two of them where it is best (its adaptive placement).
  case scmoe
  /// Ladder-Residual (arXiv 2501.06589) carried over: a sub-block reads the stream without its predecessor's output, so
  /// the collective at its end hides behind the next sub-block as a whole. With expert parallelism: the combine
  /// behind the next attention; the dispatch, inside its sub-block, behind the shared expert only.
  case ladder
  /// The parallel block of PaLM and GPT-J (`mlp_only`): experts and attention read the same stream, both
  /// outputs are waited for. The dispatch behind the attention, the combine behind the shared expert. At inference one
  /// all-reduce instead of two, exposed.
  case parallelBlock = "parallel-block"
  /// `attn_only`: only attention reads the stream without the routed output, so only the combine can be
  /// hidden: behind the shared expert and the whole next attention.
  case attentionOnly = "attention-only"

  /// Whether it has a schedule for this pass.
  public func offers(_ pass: Pass) -> Bool {
    if pass != .prefill { return true }
    return [.standard, .farskip, .twoBatch, .ladder, .parallelBlock].contains(self)
  }

  /// The methods that are neither the ordinary block nor FarSkip.
  public static let rivals: [OverlapMethod] = [
    .sharedExpert, .twoBatch, .scmoe, .ladder, .parallelBlock, .attentionOnly,
  ]
}

/// What is executed.
public enum Pass: String, CaseIterable, Codable, Sendable {
  /// Training with expert parallelism, forward: two all-to-alls a block.
  case forward
  /// The same, backward: two all-to-alls of gradients a block.
  case backward
  /// Inference with tensor-parallel attention and expert-parallel experts: two all-reduces a block.
  case prefill
}
