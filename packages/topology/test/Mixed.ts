/** A small data centre with something of everything, for tests that compare runs. */
export const SEND = (to: string, id: number, length: number, count = 1): string =>
  `{ name: send${id}, program: "./streams.ts#send", ` +
  `args: { to: "${to}", id: ${id}, length: ${length}, count: ${count}, gap: 1000000, patience: 5000000000 } }`

export const RECEIVE = (port: number): string =>
  `{ name: receive${port}, program: "./streams.ts#receive", args: { port: ${port}, patience: 5000000000 } }`

/** Two hosts with a container behind NAT each over a router, a third one behind a switch; every built-in program runs. */
export const mixed = (options: { readonly cores: number; readonly loss: string; readonly faults: string }): string => `
name: mixed
hosts:
  h1:
    cores: ${options.cores}
    nics: { eth0: { address: 10.0.1.2/24, gateway: 10.0.1.1, queues: ${Math.min(options.cores, 2)} } }
    bridges: { br0: { address: 172.17.0.1/24 } }
    containers:
      in:
        processes:
          - { program: http-client, args: { to: "10.0.2.2:8080", connections: 2, gap: 2ms, keepAlive: false, pause: 5ms } }
          - ${SEND("10.0.2.2:5001", 1, 60_000, 2)}
    processes:
      - { program: ping, args: { to: 10.0.2.2, interval: 10ms } }
      - { program: udp-probe, args: { to: "10.0.2.3:7", gap: 5ms, size: 3000 } }
      - ${SEND("10.0.2.3:5001", 100, 200_000, 2)}
  h2:
    cores: ${options.cores}
    nics: { eth0: { address: 10.0.2.2/24, gateway: 10.0.2.1 } }
    bridges: { br0: { address: 172.17.0.1/24 } }
    containers:
      web:
        publish: ["8080:80"]
        processes:
          - { program: http-server, args: { port: 80, body: 5000, work: 10us } }
    processes:
      - ${RECEIVE(5001)}
      - { program: bulk-sender, args: { to: "10.0.2.3:5002", bytes: 500000 } }
  h3:
    cores: ${options.cores}
    nics: { eth0: { address: 10.0.2.3/24, gateway: 10.0.2.1, tso: false, gro: false } }
    processes:
      - ${RECEIVE(5001)}
      - { program: bulk-sink, args: { port: 5002 } }
      - { program: udp-echo-server, args: { port: 7 } }
switches: { s: { ports: 4 } }
routers:
  r: { ports: 2, addresses: { port1: 10.0.1.1/24, port2: 10.0.2.1/24 } }
links:
  - { endpoints: ["h1:eth0", "r:port1"], rate: 1Gbps, delay: 20us, loss: ${options.loss} }
  - { endpoints: ["r:port2", "s:port1"], rate: 1Gbps, delay: 5us }
  - { endpoints: ["s:port2", "h2:eth0"], rate: 1Gbps, delay: 5us }
  - { endpoints: ["s:port3", "h3:eth0"], rate: 1Gbps, delay: 5us }
faults: [ ${options.faults} ]
`
