#!/usr/bin/env bash
# What each of several machines runs, given its number from 0: examples/node.sh NUMBER
#
# All run it in one folder, on a disk that they share, with train.launcher: torchrun in params.yaml. How many they are
# and where they meet is in the environment: torchrun reads PET_NNODES, PET_NPROC_PER_NODE, PET_RDZV_BACKEND=c10d and
# PET_RDZV_ENDPOINT=HOST:PORT, HOST being machine 0. Machine 0 does the rest of the pipeline, before and after.
set -euo pipefail

if ! grep -q '^  launcher: torchrun' params.yaml; then
  echo "error: train on several machines with \`launcher: torchrun\` under \`train:\` in params.yaml" >&2
  exit 1
fi
export PET_RDZV_CONF="join_timeout=7200,read_timeout=7200" # seconds that machine 0 has for what comes before training

if [ "$1" != 0 ]; then
  exec python -m stages.train_lora
fi
dvc repro tokenize
dvc repro --force --single-item train-lora # whether up to date or not: the others wait for it
dvc repro
