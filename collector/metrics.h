/* GET /metrics: Prometheus' text format, version 0.0.4. */
#pragma once

#include "collector/route.h"

void metrics_answer(struct visit *visit);
