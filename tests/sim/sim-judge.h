/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-judge.h - between sim-model.c and sim-judge.c. */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "sim-model.h"

enum { SIM_ALIEN = UINT32_MAX };

/* Whose contents these are: a request's id, 0 for zeroes, SIM_ALIEN for none. */
uint32_t sim_model_cell(const struct sim_model *m, const unsigned char *bytes, uint64_t cell);

#endif
