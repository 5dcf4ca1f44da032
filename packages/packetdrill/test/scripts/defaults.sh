#!/bin/bash
# Every line is a command of the simulated shell.
RMEM=$((4 * 1024))
sysctl -q net.ipv4.tcp_rmem="$RMEM 540000 $((15*1024*1024))"
ip route flush cache > /dev/null 2>&1
sysctl -q net.ipv4.tcp_timestamps=1
