[
  mode: :compile_time,
  generate: :all,
  bang: true,
  libraries: [
    :json,
    :math,
    :re,
    :pathlib,
    :collections,
    :sqlite3,
    :asyncio
  ]
]
