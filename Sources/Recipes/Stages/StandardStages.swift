import LabKit

/// Every stage that experiment files may name.
public func standardStages() -> StageRegistry {
  var registry = StageRegistry()
  for stage in [
    teacherStage, importStage, packStage, heldOutStage, pretrainStage, pretrainHybridStage, intermediateStage,
    alignStage, distillStage,
    extendStage,
    superNetworkStage, placementSearchStage, swapSearchStage, selfDistillStage, preferStage,
    convertStage, paluStage, mha2mlaStage, pruneStage, rewireStage, sensitivityStage, guidedStage, layerScoreStage,
    composeStage,
    evaluateStage, sampleStage, rulerStage, needlesStage, speedStage, latencyStage, memoryStage, memoryFormulaStage,
    memorySavingStage,
    infoStage, layerParametersStage, placementStage,
    simulateStage, simulateSharesStage, simulateDurationsStage, simulateSensitivityStage, fitOverheadStage,
    serveStage, overlapStage, parallelStage,
  ] {
    registry.register(stage)
  }
  return registry
}
