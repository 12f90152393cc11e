CREATE TEMPORARY TABLE `pairs` AS
WITH `net` AS (
  SELECT
    `h1`,
    `h2`,
    SUM(`__dit_side`) AS `net`,
    COUNT(*) AS `copies`
  FROM (
    SELECT
      `t`.`__dit_side`,
      SUBSTR(
        TO_HEX(
          MD5(
            TO_JSON_STRING(
              [
                `t`.`__dit_139d544b821b13eb`,
                `t`.`__dit_454349e422f05297`,
                IF(`t`.`s` IS NULL, NULL, '{}'),
                IF(
                  IS_NAN((
                    `t`.`s`
                  ).`x`),
                  'NaN',
                  FORMAT('%.17g', IF((
                    `t`.`s`
                  ).`x` = 0, 0.0, (
                    `t`.`s`
                  ).`x`))
                ),
                CAST(`t`.`select` AS STRING),
                `t`.`__dit_978c2f8941354cf5`,
                CAST(UNIX_MICROS(`t`.`ts`) AS STRING),
                CAST(`t`.`v_bignumeric` AS STRING),
                CAST(`t`.`v_bool` AS STRING),
                TO_HEX(`t`.`v_bytes`),
                CAST(`t`.`v_date` AS STRING),
                CAST(`t`.`v_datetime` AS STRING),
                IF(
                  IS_NAN(`t`.`v_float64`),
                  'NaN',
                  FORMAT('%.17g', IF(`t`.`v_float64` = 0, 0.0, `t`.`v_float64`))
                ),
                TO_HEX(ST_ASBINARY(`t`.`v_geography`)),
                CAST(`t`.`v_int64` AS STRING),
                CAST(`t`.`v_interval` AS STRING),
                `t`.`__dit_8509899a6d64e15f`,
                CAST(`t`.`v_numeric` AS STRING),
                CAST(`t`.`v_range` AS STRING),
                `t`.`v_string`
              ]
            )
          )
        ),
        1,
        16
      ) AS `h1`,
      SUBSTR(
        TO_HEX(
          MD5(
            TO_JSON_STRING(
              [
                `t`.`__dit_139d544b821b13eb`,
                `t`.`__dit_454349e422f05297`,
                IF(`t`.`s` IS NULL, NULL, '{}'),
                IF(
                  IS_NAN((
                    `t`.`s`
                  ).`x`),
                  'NaN',
                  FORMAT('%.17g', IF((
                    `t`.`s`
                  ).`x` = 0, 0.0, (
                    `t`.`s`
                  ).`x`))
                ),
                CAST(`t`.`select` AS STRING),
                `t`.`__dit_978c2f8941354cf5`,
                CAST(UNIX_MICROS(`t`.`ts`) AS STRING),
                CAST(`t`.`v_bignumeric` AS STRING),
                CAST(`t`.`v_bool` AS STRING),
                TO_HEX(`t`.`v_bytes`),
                CAST(`t`.`v_date` AS STRING),
                CAST(`t`.`v_datetime` AS STRING),
                IF(
                  IS_NAN(`t`.`v_float64`),
                  'NaN',
                  FORMAT('%.17g', IF(`t`.`v_float64` = 0, 0.0, `t`.`v_float64`))
                ),
                TO_HEX(ST_ASBINARY(`t`.`v_geography`)),
                CAST(`t`.`v_int64` AS STRING),
                CAST(`t`.`v_interval` AS STRING),
                `t`.`__dit_8509899a6d64e15f`,
                CAST(`t`.`v_numeric` AS STRING),
                CAST(`t`.`v_range` AS STRING),
                `t`.`v_string`
              ]
            )
          )
        ),
        17,
        16
      ) AS `h2`
    FROM (
      SELECT
        1 AS `__dit_side`,
        `t`.`doc`,
        `t`.`r`,
        `t`.`s`,
        `t`.`select`,
        `t`.`t`,
        `t`.`tags`,
        `t`.`ts`,
        `t`.`v_bignumeric`,
        `t`.`v_bool`,
        `t`.`v_bytes`,
        `t`.`v_date`,
        `t`.`v_datetime`,
        `t`.`v_float64`,
        `t`.`v_geography`,
        `t`.`v_int64`,
        `t`.`v_interval`,
        `t`.`v_json`,
        `t`.`v_numeric`,
        `t`.`v_range`,
        `t`.`v_string`,
        IF(
          `t`.`doc` IS NULL,
          NULL,
          COALESCE(
            IF(
              ARRAY_LENGTH(REGEXP_EXTRACT_ALL(`t`.`doc`, '"(?:[^"\\\\]|\\\\.)*"')) = ARRAY_LENGTH(
                REGEXP_EXTRACT_ALL(
                  TO_JSON_STRING(
                    SAFE.PARSE_JSON(
                      IF(
                        REGEXP_CONTAINS(
                          `t`.`doc`,
                          '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                        ),
                        `t`.`doc`,
                        NULL
                      )
                    )
                  ),
                  '"(?:[^"\\\\]|\\\\.)*"'
                )
              ),
              IF(
                SAFE.PARSE_JSON(
                  IF(
                    REGEXP_CONTAINS(
                      `t`.`doc`,
                      '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                    ),
                    `t`.`doc`,
                    NULL
                  )
                ) IS NULL,
                NULL,
                (
                  SELECT
                    STRING_AGG(
                      
                        IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                        ''
                      
                      ORDER BY
                        `place` ASC
                    )
                  FROM UNNEST(REGEXP_EXTRACT_ALL(
                    TO_JSON_STRING(
                      SAFE.PARSE_JSON(
                        IF(
                          REGEXP_CONTAINS(
                            `t`.`doc`,
                            '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                          ),
                          `t`.`doc`,
                          NULL
                        )
                      )
                    ),
                    '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                  )) AS `token` WITH OFFSET AS `place`
                )
              ),
              NULL
            ),
            CONCAT('raw ', `t`.`doc`)
          )
        ) AS `__dit_139d544b821b13eb`,
        TO_JSON_STRING(
          ARRAY(
            SELECT
              IF(
                `__dit_e0` IS NULL,
                NULL,
                TO_JSON_STRING(
                  [
                    IF(
                      IS_NAN((
                        `__dit_e0`
                      ).`x`),
                      'NaN',
                      FORMAT('%.17g', IF((
                        `__dit_e0`
                      ).`x` = 0, 0.0, (
                        `__dit_e0`
                      ).`x`))
                    ),
                    IF(
                      (
                        `__dit_e0`
                      ).`doc` IS NULL,
                      NULL,
                      COALESCE(
                        IF(
                          (
                            `__dit_e0`
                          ).`doc` IS NULL,
                          NULL,
                          (
                            SELECT
                              STRING_AGG(
                                
                                  IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                                  ''
                                
                                ORDER BY
                                  `place` ASC
                              )
                            FROM UNNEST(REGEXP_EXTRACT_ALL(
                              TO_JSON_STRING((
                                `__dit_e0`
                              ).`doc`),
                              '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                            )) AS `token` WITH OFFSET AS `place`
                          )
                        ),
                        CONCAT('raw ', TO_JSON_STRING((
                          `__dit_e0`
                        ).`doc`))
                      )
                    ),
                    TO_JSON_STRING(
                      ARRAY(
                        SELECT
                          IF(`__dit_e1` IS NULL, NULL, TO_JSON_STRING([CAST((
                              `__dit_e1`
                          ).`n` AS STRING)])) AS `element`
                        FROM UNNEST((
                          `__dit_e0`
                        ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                        ORDER BY
                          `__dit_e1_place` ASC
                      )
                    )
                  ]
                )
              ) AS `element`
            FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
            ORDER BY
              `__dit_e0_place` ASC
          )
        ) AS `__dit_454349e422f05297`,
        TO_JSON_STRING(
          ARRAY(
            SELECT
              `__dit_e0` AS `element`
            FROM UNNEST(`t`.`tags`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
            ORDER BY
              `element` ASC
          )
        ) AS `__dit_978c2f8941354cf5`,
        IF(`t`.`v_json` IS NULL, NULL, TO_JSON_STRING(`t`.`v_json`)) AS `__dit_8509899a6d64e15f`
      FROM `project`.`dataset`.`table` AS `t`
      UNION ALL
      SELECT
        -1 AS `__dit_side`,
        `t`.`doc`,
        `t`.`r`,
        `t`.`s`,
        `t`.`select`,
        `t`.`t`,
        `t`.`tags`,
        `t`.`ts`,
        `t`.`v_bignumeric`,
        `t`.`v_bool`,
        `t`.`v_bytes`,
        `t`.`v_date`,
        `t`.`v_datetime`,
        `t`.`v_float64`,
        `t`.`v_geography`,
        `t`.`v_int64`,
        `t`.`v_interval`,
        `t`.`v_json`,
        `t`.`v_numeric`,
        `t`.`v_range`,
        `t`.`v_string`,
        IF(
          `t`.`doc` IS NULL,
          NULL,
          COALESCE(
            IF(
              ARRAY_LENGTH(REGEXP_EXTRACT_ALL(`t`.`doc`, '"(?:[^"\\\\]|\\\\.)*"')) = ARRAY_LENGTH(
                REGEXP_EXTRACT_ALL(
                  TO_JSON_STRING(
                    SAFE.PARSE_JSON(
                      IF(
                        REGEXP_CONTAINS(
                          `t`.`doc`,
                          '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                        ),
                        `t`.`doc`,
                        NULL
                      )
                    )
                  ),
                  '"(?:[^"\\\\]|\\\\.)*"'
                )
              ),
              IF(
                SAFE.PARSE_JSON(
                  IF(
                    REGEXP_CONTAINS(
                      `t`.`doc`,
                      '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                    ),
                    `t`.`doc`,
                    NULL
                  )
                ) IS NULL,
                NULL,
                (
                  SELECT
                    STRING_AGG(
                      
                        IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                        ''
                      
                      ORDER BY
                        `place` ASC
                    )
                  FROM UNNEST(REGEXP_EXTRACT_ALL(
                    TO_JSON_STRING(
                      SAFE.PARSE_JSON(
                        IF(
                          REGEXP_CONTAINS(
                            `t`.`doc`,
                            '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                          ),
                          `t`.`doc`,
                          NULL
                        )
                      )
                    ),
                    '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                  )) AS `token` WITH OFFSET AS `place`
                )
              ),
              NULL
            ),
            CONCAT('raw ', `t`.`doc`)
          )
        ) AS `__dit_139d544b821b13eb`,
        TO_JSON_STRING(
          ARRAY(
            SELECT
              IF(
                `__dit_e0` IS NULL,
                NULL,
                TO_JSON_STRING(
                  [
                    IF(
                      IS_NAN((
                        `__dit_e0`
                      ).`x`),
                      'NaN',
                      FORMAT('%.17g', IF((
                        `__dit_e0`
                      ).`x` = 0, 0.0, (
                        `__dit_e0`
                      ).`x`))
                    ),
                    IF(
                      (
                        `__dit_e0`
                      ).`doc` IS NULL,
                      NULL,
                      COALESCE(
                        IF(
                          (
                            `__dit_e0`
                          ).`doc` IS NULL,
                          NULL,
                          (
                            SELECT
                              STRING_AGG(
                                
                                  IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                                  ''
                                
                                ORDER BY
                                  `place` ASC
                              )
                            FROM UNNEST(REGEXP_EXTRACT_ALL(
                              TO_JSON_STRING((
                                `__dit_e0`
                              ).`doc`),
                              '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                            )) AS `token` WITH OFFSET AS `place`
                          )
                        ),
                        CONCAT('raw ', TO_JSON_STRING((
                          `__dit_e0`
                        ).`doc`))
                      )
                    ),
                    TO_JSON_STRING(
                      ARRAY(
                        SELECT
                          IF(`__dit_e1` IS NULL, NULL, TO_JSON_STRING([CAST((
                              `__dit_e1`
                          ).`n` AS STRING)])) AS `element`
                        FROM UNNEST((
                          `__dit_e0`
                        ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                        ORDER BY
                          `__dit_e1_place` ASC
                      )
                    )
                  ]
                )
              ) AS `element`
            FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
            ORDER BY
              `__dit_e0_place` ASC
          )
        ) AS `__dit_454349e422f05297`,
        TO_JSON_STRING(
          ARRAY(
            SELECT
              `__dit_e0` AS `element`
            FROM UNNEST(`t`.`tags`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
            ORDER BY
              `element` ASC
          )
        ) AS `__dit_978c2f8941354cf5`,
        IF(`t`.`v_json` IS NULL, NULL, TO_JSON_STRING(`t`.`v_json`)) AS `__dit_8509899a6d64e15f`
      FROM `project`.`dataset`.`table` AS `t`
    ) AS t
    WHERE
      (
        `t`.`v_bool`
      )
      AND (
        DATE(`t`.`ts`) IS NULL
        OR (
          `t`.`ts` >= CAST(@first AS TIMESTAMP)
          AND `t`.`ts` < CAST(@last AS TIMESTAMP)
          AND DATE(`t`.`ts`) IN UNNEST(@days)
        )
      )
  ) AS b
  GROUP BY
    `h1`,
    `h2`
  HAVING
    SUM(`__dit_side`) <> 0
), `ranked` AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY `side`, `key`
      ORDER BY `exact` ASC, `v`[ORDINAL(1)] ASC, `v`[ORDINAL(3)] ASC, `v`[ORDINAL(6)] ASC, SAFE_CAST(SUBSTR(`v`[ORDINAL(12)], 2) AS NUMERIC) ASC, SAFE_CAST(SUBSTR(`v`[ORDINAL(17)], 2) AS FLOAT64) ASC, `v`[ORDINAL(18)] ASC, SAFE_CAST(SUBSTR(`v`[ORDINAL(19)], 2) AS NUMERIC) ASC, `h1` ASC, `h2` ASC
    ) AS `nth`,
    COUNT(*) OVER (PARTITION BY `side`, `key`) AS `rivals`
  FROM (
    SELECT
      `t`.`__dit_side` AS `side`,
      `n`.*,
      TO_JSON_STRING([CAST(`t`.`select` AS STRING)]) AS `key`,
      [
        COALESCE(CONCAT('=', `t`.`__dit_139d544b821b13eb`), ''),
        COALESCE(
          CONCAT(
            '=',
            TO_JSON_STRING(
              ARRAY(
                SELECT
                  IF(`__dit_e0` IS NULL, NULL, '{}') AS `element`
                FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                ORDER BY
                  `__dit_e0_place` ASC
              )
            )
          ),
          ''
        ),
        COALESCE(
          CONCAT(
            '=',
            TO_JSON_STRING(
              ARRAY(
                SELECT
                  IF(
                    IS_NAN((
                      `__dit_e0`
                    ).`x`),
                    'NaN',
                    FORMAT('%.17g', IF((
                      `__dit_e0`
                    ).`x` = 0, 0.0, (
                      `__dit_e0`
                    ).`x`))
                  ) AS `element`
                FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                ORDER BY
                  `__dit_e0_place` ASC
              )
            )
          ),
          ''
        ),
        COALESCE(
          CONCAT(
            '=',
            TO_JSON_STRING(
              ARRAY(
                SELECT
                  IF(
                    (
                      `__dit_e0`
                    ).`doc` IS NULL,
                    NULL,
                    COALESCE(
                      IF(
                        (
                          `__dit_e0`
                        ).`doc` IS NULL,
                        NULL,
                        (
                          SELECT
                            STRING_AGG(
                              
                                IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                                ''
                              
                              ORDER BY
                                `place` ASC
                            )
                          FROM UNNEST(REGEXP_EXTRACT_ALL(
                            TO_JSON_STRING((
                              `__dit_e0`
                            ).`doc`),
                            '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                          )) AS `token` WITH OFFSET AS `place`
                        )
                      ),
                      CONCAT('raw ', TO_JSON_STRING((
                        `__dit_e0`
                      ).`doc`))
                    )
                  ) AS `element`
                FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                ORDER BY
                  `__dit_e0_place` ASC
              )
            )
          ),
          ''
        ),
        COALESCE(
          CONCAT(
            '=',
            TO_JSON_STRING(
              ARRAY(
                SELECT
                  TO_JSON_STRING(
                    ARRAY(
                      SELECT
                        IF(`__dit_e1` IS NULL, NULL, '{}') AS `element`
                      FROM UNNEST((
                        `__dit_e0`
                      ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                      ORDER BY
                        `__dit_e1_place` ASC
                    )
                  ) AS `element`
                FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                ORDER BY
                  `__dit_e0_place` ASC
              )
            )
          ),
          ''
        ),
        COALESCE(
          CONCAT(
            '=',
            TO_JSON_STRING(
              ARRAY(
                SELECT
                  `__dit_e0_text`
                FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                CROSS JOIN UNNEST(ARRAY(
                  SELECT
                    CAST((
                      `__dit_e1`
                    ).`n` AS STRING) AS `element`
                  FROM UNNEST((
                    `__dit_e0`
                  ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                  ORDER BY
                    `__dit_e1_place` ASC
                )) AS `__dit_e0_text` WITH OFFSET AS `__dit_e0_within`
                ORDER BY
                  `__dit_e0_place` ASC,
                  `__dit_e0_within` ASC
              )
            )
          ),
          ''
        ),
        COALESCE(CONCAT('=', IF(`t`.`s` IS NULL, NULL, '{}')), ''),
        COALESCE(
          CONCAT(
            '=',
            IF(
              IS_NAN((
                `t`.`s`
              ).`x`),
              'NaN',
              FORMAT('%.17g', IF((
                `t`.`s`
              ).`x` = 0, 0.0, (
                `t`.`s`
              ).`x`))
            )
          ),
          ''
        ),
        COALESCE(CONCAT('=', CAST(`t`.`select` AS STRING)), ''),
        COALESCE(CONCAT('=', `t`.`__dit_978c2f8941354cf5`), ''),
        COALESCE(CONCAT('=', CAST(UNIX_MICROS(`t`.`ts`) AS STRING)), ''),
        COALESCE(CONCAT('=', CAST(`t`.`v_bignumeric` AS STRING)), ''),
        COALESCE(CONCAT('=', CAST(`t`.`v_bool` AS STRING)), ''),
        COALESCE(CONCAT('=', TO_HEX(`t`.`v_bytes`)), ''),
        COALESCE(CONCAT('=', CAST(`t`.`v_date` AS STRING)), ''),
        COALESCE(CONCAT('=', CAST(`t`.`v_datetime` AS STRING)), ''),
        COALESCE(
          CONCAT(
            '=',
            IF(
              IS_NAN(`t`.`v_float64`),
              'NaN',
              FORMAT('%.17g', IF(`t`.`v_float64` = 0, 0.0, `t`.`v_float64`))
            )
          ),
          ''
        ),
        COALESCE(CONCAT('=', TO_HEX(ST_ASBINARY(`t`.`v_geography`))), ''),
        COALESCE(CONCAT('=', CAST(`t`.`v_int64` AS STRING)), ''),
        COALESCE(CONCAT('=', CAST(`t`.`v_interval` AS STRING)), ''),
        COALESCE(CONCAT('=', `t`.`__dit_8509899a6d64e15f`), ''),
        COALESCE(CONCAT('=', CAST(`t`.`v_numeric` AS STRING)), ''),
        COALESCE(CONCAT('=', CAST(`t`.`v_range` AS STRING)), ''),
        COALESCE(CONCAT('=', `t`.`v_string`), '')
      ] AS `v`,
      CONCAT(
        CAST(SUBSTR(
          TO_HEX(
            MD5(
              TO_JSON_STRING(
                [
                  IF(`t`.`s` IS NULL, NULL, '{}'),
                  IF(
                    IS_NAN((
                      `t`.`s`
                    ).`x`),
                    'NaN',
                    FORMAT('%.17g', IF((
                      `t`.`s`
                    ).`x` = 0, 0.0, (
                      `t`.`s`
                    ).`x`))
                  ),
                  CAST(`t`.`select` AS STRING),
                  `t`.`__dit_978c2f8941354cf5`,
                  CAST(UNIX_MICROS(`t`.`ts`) AS STRING),
                  CAST(`t`.`v_bool` AS STRING),
                  TO_HEX(`t`.`v_bytes`),
                  CAST(`t`.`v_date` AS STRING),
                  CAST(`t`.`v_datetime` AS STRING),
                  CAST(`t`.`v_interval` AS STRING),
                  `t`.`__dit_8509899a6d64e15f`,
                  CAST(`t`.`v_numeric` AS STRING),
                  CAST(`t`.`v_range` AS STRING),
                  `t`.`v_string`,
                  TO_JSON_STRING(
                    ARRAY(
                      SELECT
                        IF(`__dit_e0` IS NULL, NULL, '{}') AS `element`
                      FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                      ORDER BY
                        `__dit_e0_place` ASC
                    )
                  ),
                  TO_JSON_STRING(
                    ARRAY(
                      SELECT
                        IF(
                          (
                            `__dit_e0`
                          ).`doc` IS NULL,
                          NULL,
                          COALESCE(
                            IF(
                              (
                                `__dit_e0`
                              ).`doc` IS NULL,
                              NULL,
                              (
                                SELECT
                                  STRING_AGG(
                                    
                                      IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                                      ''
                                    
                                    ORDER BY
                                      `place` ASC
                                  )
                                FROM UNNEST(REGEXP_EXTRACT_ALL(
                                  TO_JSON_STRING((
                                    `__dit_e0`
                                  ).`doc`),
                                  '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                                )) AS `token` WITH OFFSET AS `place`
                              )
                            ),
                            CONCAT('raw ', TO_JSON_STRING((
                              `__dit_e0`
                            ).`doc`))
                          )
                        ) AS `element`
                      FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                      ORDER BY
                        `__dit_e0_place` ASC
                    )
                  ),
                  TO_JSON_STRING(
                    ARRAY(
                      SELECT
                        TO_JSON_STRING(
                          ARRAY(
                            SELECT
                              IF(`__dit_e1` IS NULL, NULL, '{}') AS `element`
                            FROM UNNEST((
                              `__dit_e0`
                            ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                            ORDER BY
                              `__dit_e1_place` ASC
                          )
                        ) AS `element`
                      FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                      ORDER BY
                        `__dit_e0_place` ASC
                    )
                  )
                ]
              )
            )
          ),
          1,
          16
        ) AS STRING),
        ' ',
        CAST(SUBSTR(
          TO_HEX(
            MD5(
              TO_JSON_STRING(
                [
                  IF(`t`.`s` IS NULL, NULL, '{}'),
                  IF(
                    IS_NAN((
                      `t`.`s`
                    ).`x`),
                    'NaN',
                    FORMAT('%.17g', IF((
                      `t`.`s`
                    ).`x` = 0, 0.0, (
                      `t`.`s`
                    ).`x`))
                  ),
                  CAST(`t`.`select` AS STRING),
                  `t`.`__dit_978c2f8941354cf5`,
                  CAST(UNIX_MICROS(`t`.`ts`) AS STRING),
                  CAST(`t`.`v_bool` AS STRING),
                  TO_HEX(`t`.`v_bytes`),
                  CAST(`t`.`v_date` AS STRING),
                  CAST(`t`.`v_datetime` AS STRING),
                  CAST(`t`.`v_interval` AS STRING),
                  `t`.`__dit_8509899a6d64e15f`,
                  CAST(`t`.`v_numeric` AS STRING),
                  CAST(`t`.`v_range` AS STRING),
                  `t`.`v_string`,
                  TO_JSON_STRING(
                    ARRAY(
                      SELECT
                        IF(`__dit_e0` IS NULL, NULL, '{}') AS `element`
                      FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                      ORDER BY
                        `__dit_e0_place` ASC
                    )
                  ),
                  TO_JSON_STRING(
                    ARRAY(
                      SELECT
                        IF(
                          (
                            `__dit_e0`
                          ).`doc` IS NULL,
                          NULL,
                          COALESCE(
                            IF(
                              (
                                `__dit_e0`
                              ).`doc` IS NULL,
                              NULL,
                              (
                                SELECT
                                  STRING_AGG(
                                    
                                      IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                                      ''
                                    
                                    ORDER BY
                                      `place` ASC
                                  )
                                FROM UNNEST(REGEXP_EXTRACT_ALL(
                                  TO_JSON_STRING((
                                    `__dit_e0`
                                  ).`doc`),
                                  '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                                )) AS `token` WITH OFFSET AS `place`
                              )
                            ),
                            CONCAT('raw ', TO_JSON_STRING((
                              `__dit_e0`
                            ).`doc`))
                          )
                        ) AS `element`
                      FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                      ORDER BY
                        `__dit_e0_place` ASC
                    )
                  ),
                  TO_JSON_STRING(
                    ARRAY(
                      SELECT
                        TO_JSON_STRING(
                          ARRAY(
                            SELECT
                              IF(`__dit_e1` IS NULL, NULL, '{}') AS `element`
                            FROM UNNEST((
                              `__dit_e0`
                            ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                            ORDER BY
                              `__dit_e1_place` ASC
                          )
                        ) AS `element`
                      FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
                      ORDER BY
                        `__dit_e0_place` ASC
                    )
                  )
                ]
              )
            )
          ),
          17,
          16
        ) AS STRING)
      ) AS `exact`,
      [COALESCE(CONCAT('=', `t`.`v_string`), '')] AS `m`,
      DATE(`t`.`ts`) AS `day`,
      COALESCE((
        `t`.`v_int64` > 1
      ), FALSE) AS `expected`,
      COALESCE(
        IF(
          `t`.`v_date` IS NULL,
          RANGE_BUCKET(DATE(`t`.`ts`), @boundaries) < ARRAY_LENGTH(@boundaries),
          RANGE_BUCKET(`t`.`v_date`, @boundaries) > RANGE_BUCKET(DATE(`t`.`ts`), @boundaries)
        ),
        FALSE
      ) AS `touches`
    FROM (
      SELECT
        1 AS `__dit_side`,
        `t`.`doc`,
        `t`.`r`,
        `t`.`s`,
        `t`.`select`,
        `t`.`t`,
        `t`.`tags`,
        `t`.`ts`,
        `t`.`v_bignumeric`,
        `t`.`v_bool`,
        `t`.`v_bytes`,
        `t`.`v_date`,
        `t`.`v_datetime`,
        `t`.`v_float64`,
        `t`.`v_geography`,
        `t`.`v_int64`,
        `t`.`v_interval`,
        `t`.`v_json`,
        `t`.`v_numeric`,
        `t`.`v_range`,
        `t`.`v_string`,
        IF(
          `t`.`doc` IS NULL,
          NULL,
          COALESCE(
            IF(
              ARRAY_LENGTH(REGEXP_EXTRACT_ALL(`t`.`doc`, '"(?:[^"\\\\]|\\\\.)*"')) = ARRAY_LENGTH(
                REGEXP_EXTRACT_ALL(
                  TO_JSON_STRING(
                    SAFE.PARSE_JSON(
                      IF(
                        REGEXP_CONTAINS(
                          `t`.`doc`,
                          '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                        ),
                        `t`.`doc`,
                        NULL
                      )
                    )
                  ),
                  '"(?:[^"\\\\]|\\\\.)*"'
                )
              ),
              IF(
                SAFE.PARSE_JSON(
                  IF(
                    REGEXP_CONTAINS(
                      `t`.`doc`,
                      '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                    ),
                    `t`.`doc`,
                    NULL
                  )
                ) IS NULL,
                NULL,
                (
                  SELECT
                    STRING_AGG(
                      
                        IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                        ''
                      
                      ORDER BY
                        `place` ASC
                    )
                  FROM UNNEST(REGEXP_EXTRACT_ALL(
                    TO_JSON_STRING(
                      SAFE.PARSE_JSON(
                        IF(
                          REGEXP_CONTAINS(
                            `t`.`doc`,
                            '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                          ),
                          `t`.`doc`,
                          NULL
                        )
                      )
                    ),
                    '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                  )) AS `token` WITH OFFSET AS `place`
                )
              ),
              NULL
            ),
            CONCAT('raw ', `t`.`doc`)
          )
        ) AS `__dit_139d544b821b13eb`,
        TO_JSON_STRING(
          ARRAY(
            SELECT
              IF(
                `__dit_e0` IS NULL,
                NULL,
                TO_JSON_STRING(
                  [
                    IF(
                      IS_NAN((
                        `__dit_e0`
                      ).`x`),
                      'NaN',
                      FORMAT('%.17g', IF((
                        `__dit_e0`
                      ).`x` = 0, 0.0, (
                        `__dit_e0`
                      ).`x`))
                    ),
                    IF(
                      (
                        `__dit_e0`
                      ).`doc` IS NULL,
                      NULL,
                      COALESCE(
                        IF(
                          (
                            `__dit_e0`
                          ).`doc` IS NULL,
                          NULL,
                          (
                            SELECT
                              STRING_AGG(
                                
                                  IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                                  ''
                                
                                ORDER BY
                                  `place` ASC
                              )
                            FROM UNNEST(REGEXP_EXTRACT_ALL(
                              TO_JSON_STRING((
                                `__dit_e0`
                              ).`doc`),
                              '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                            )) AS `token` WITH OFFSET AS `place`
                          )
                        ),
                        CONCAT('raw ', TO_JSON_STRING((
                          `__dit_e0`
                        ).`doc`))
                      )
                    ),
                    TO_JSON_STRING(
                      ARRAY(
                        SELECT
                          IF(`__dit_e1` IS NULL, NULL, TO_JSON_STRING([CAST((
                              `__dit_e1`
                          ).`n` AS STRING)])) AS `element`
                        FROM UNNEST((
                          `__dit_e0`
                        ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                        ORDER BY
                          `__dit_e1_place` ASC
                      )
                    )
                  ]
                )
              ) AS `element`
            FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
            ORDER BY
              `__dit_e0_place` ASC
          )
        ) AS `__dit_454349e422f05297`,
        TO_JSON_STRING(
          ARRAY(
            SELECT
              `__dit_e0` AS `element`
            FROM UNNEST(`t`.`tags`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
            ORDER BY
              `element` ASC
          )
        ) AS `__dit_978c2f8941354cf5`,
        IF(`t`.`v_json` IS NULL, NULL, TO_JSON_STRING(`t`.`v_json`)) AS `__dit_8509899a6d64e15f`
      FROM `project`.`dataset`.`table` AS `t`
      UNION ALL
      SELECT
        -1 AS `__dit_side`,
        `t`.`doc`,
        `t`.`r`,
        `t`.`s`,
        `t`.`select`,
        `t`.`t`,
        `t`.`tags`,
        `t`.`ts`,
        `t`.`v_bignumeric`,
        `t`.`v_bool`,
        `t`.`v_bytes`,
        `t`.`v_date`,
        `t`.`v_datetime`,
        `t`.`v_float64`,
        `t`.`v_geography`,
        `t`.`v_int64`,
        `t`.`v_interval`,
        `t`.`v_json`,
        `t`.`v_numeric`,
        `t`.`v_range`,
        `t`.`v_string`,
        IF(
          `t`.`doc` IS NULL,
          NULL,
          COALESCE(
            IF(
              ARRAY_LENGTH(REGEXP_EXTRACT_ALL(`t`.`doc`, '"(?:[^"\\\\]|\\\\.)*"')) = ARRAY_LENGTH(
                REGEXP_EXTRACT_ALL(
                  TO_JSON_STRING(
                    SAFE.PARSE_JSON(
                      IF(
                        REGEXP_CONTAINS(
                          `t`.`doc`,
                          '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                        ),
                        `t`.`doc`,
                        NULL
                      )
                    )
                  ),
                  '"(?:[^"\\\\]|\\\\.)*"'
                )
              ),
              IF(
                SAFE.PARSE_JSON(
                  IF(
                    REGEXP_CONTAINS(
                      `t`.`doc`,
                      '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                    ),
                    `t`.`doc`,
                    NULL
                  )
                ) IS NULL,
                NULL,
                (
                  SELECT
                    STRING_AGG(
                      
                        IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                        ''
                      
                      ORDER BY
                        `place` ASC
                    )
                  FROM UNNEST(REGEXP_EXTRACT_ALL(
                    TO_JSON_STRING(
                      SAFE.PARSE_JSON(
                        IF(
                          REGEXP_CONTAINS(
                            `t`.`doc`,
                            '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                          ),
                          `t`.`doc`,
                          NULL
                        )
                      )
                    ),
                    '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                  )) AS `token` WITH OFFSET AS `place`
                )
              ),
              NULL
            ),
            CONCAT('raw ', `t`.`doc`)
          )
        ) AS `__dit_139d544b821b13eb`,
        TO_JSON_STRING(
          ARRAY(
            SELECT
              IF(
                `__dit_e0` IS NULL,
                NULL,
                TO_JSON_STRING(
                  [
                    IF(
                      IS_NAN((
                        `__dit_e0`
                      ).`x`),
                      'NaN',
                      FORMAT('%.17g', IF((
                        `__dit_e0`
                      ).`x` = 0, 0.0, (
                        `__dit_e0`
                      ).`x`))
                    ),
                    IF(
                      (
                        `__dit_e0`
                      ).`doc` IS NULL,
                      NULL,
                      COALESCE(
                        IF(
                          (
                            `__dit_e0`
                          ).`doc` IS NULL,
                          NULL,
                          (
                            SELECT
                              STRING_AGG(
                                
                                  IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                                  ''
                                
                                ORDER BY
                                  `place` ASC
                              )
                            FROM UNNEST(REGEXP_EXTRACT_ALL(
                              TO_JSON_STRING((
                                `__dit_e0`
                              ).`doc`),
                              '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                            )) AS `token` WITH OFFSET AS `place`
                          )
                        ),
                        CONCAT('raw ', TO_JSON_STRING((
                          `__dit_e0`
                        ).`doc`))
                      )
                    ),
                    TO_JSON_STRING(
                      ARRAY(
                        SELECT
                          IF(`__dit_e1` IS NULL, NULL, TO_JSON_STRING([CAST((
                              `__dit_e1`
                          ).`n` AS STRING)])) AS `element`
                        FROM UNNEST((
                          `__dit_e0`
                        ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                        ORDER BY
                          `__dit_e1_place` ASC
                      )
                    )
                  ]
                )
              ) AS `element`
            FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
            ORDER BY
              `__dit_e0_place` ASC
          )
        ) AS `__dit_454349e422f05297`,
        TO_JSON_STRING(
          ARRAY(
            SELECT
              `__dit_e0` AS `element`
            FROM UNNEST(`t`.`tags`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
            ORDER BY
              `element` ASC
          )
        ) AS `__dit_978c2f8941354cf5`,
        IF(`t`.`v_json` IS NULL, NULL, TO_JSON_STRING(`t`.`v_json`)) AS `__dit_8509899a6d64e15f`
      FROM `project`.`dataset`.`table` AS `t`
    ) AS t
    JOIN `net` AS `n`
      ON SUBSTR(
        TO_HEX(
          MD5(
            TO_JSON_STRING(
              [
                `t`.`__dit_139d544b821b13eb`,
                `t`.`__dit_454349e422f05297`,
                IF(`t`.`s` IS NULL, NULL, '{}'),
                IF(
                  IS_NAN((
                    `t`.`s`
                  ).`x`),
                  'NaN',
                  FORMAT('%.17g', IF((
                    `t`.`s`
                  ).`x` = 0, 0.0, (
                    `t`.`s`
                  ).`x`))
                ),
                CAST(`t`.`select` AS STRING),
                `t`.`__dit_978c2f8941354cf5`,
                CAST(UNIX_MICROS(`t`.`ts`) AS STRING),
                CAST(`t`.`v_bignumeric` AS STRING),
                CAST(`t`.`v_bool` AS STRING),
                TO_HEX(`t`.`v_bytes`),
                CAST(`t`.`v_date` AS STRING),
                CAST(`t`.`v_datetime` AS STRING),
                IF(
                  IS_NAN(`t`.`v_float64`),
                  'NaN',
                  FORMAT('%.17g', IF(`t`.`v_float64` = 0, 0.0, `t`.`v_float64`))
                ),
                TO_HEX(ST_ASBINARY(`t`.`v_geography`)),
                CAST(`t`.`v_int64` AS STRING),
                CAST(`t`.`v_interval` AS STRING),
                `t`.`__dit_8509899a6d64e15f`,
                CAST(`t`.`v_numeric` AS STRING),
                CAST(`t`.`v_range` AS STRING),
                `t`.`v_string`
              ]
            )
          )
        ),
        1,
        16
      ) = `n`.`h1`
      AND SUBSTR(
        TO_HEX(
          MD5(
            TO_JSON_STRING(
              [
                `t`.`__dit_139d544b821b13eb`,
                `t`.`__dit_454349e422f05297`,
                IF(`t`.`s` IS NULL, NULL, '{}'),
                IF(
                  IS_NAN((
                    `t`.`s`
                  ).`x`),
                  'NaN',
                  FORMAT('%.17g', IF((
                    `t`.`s`
                  ).`x` = 0, 0.0, (
                    `t`.`s`
                  ).`x`))
                ),
                CAST(`t`.`select` AS STRING),
                `t`.`__dit_978c2f8941354cf5`,
                CAST(UNIX_MICROS(`t`.`ts`) AS STRING),
                CAST(`t`.`v_bignumeric` AS STRING),
                CAST(`t`.`v_bool` AS STRING),
                TO_HEX(`t`.`v_bytes`),
                CAST(`t`.`v_date` AS STRING),
                CAST(`t`.`v_datetime` AS STRING),
                IF(
                  IS_NAN(`t`.`v_float64`),
                  'NaN',
                  FORMAT('%.17g', IF(`t`.`v_float64` = 0, 0.0, `t`.`v_float64`))
                ),
                TO_HEX(ST_ASBINARY(`t`.`v_geography`)),
                CAST(`t`.`v_int64` AS STRING),
                CAST(`t`.`v_interval` AS STRING),
                `t`.`__dit_8509899a6d64e15f`,
                CAST(`t`.`v_numeric` AS STRING),
                CAST(`t`.`v_range` AS STRING),
                `t`.`v_string`
              ]
            )
          )
        ),
        17,
        16
      ) = `n`.`h2`
    WHERE
      (
        (
          `t`.`v_bool`
        )
        AND (
          DATE(`t`.`ts`) IS NULL
          OR (
            `t`.`ts` >= CAST(@first AS TIMESTAMP)
            AND `t`.`ts` < CAST(@last AS TIMESTAMP)
            AND DATE(`t`.`ts`) IN UNNEST(@days)
          )
        )
      )
      AND `n`.`net` * `t`.`__dit_side` > 0
    QUALIFY
      ROW_NUMBER() OVER (PARTITION BY `n`.`h1`, `n`.`h2` ORDER BY `n`.`h1` ASC) <= ABS(`n`.`net`)
  ) AS s
)
SELECT
  CASE
    WHEN NOT (
      `l`.`side` IS NULL OR `r`.`side` IS NULL
    )
    AND (
      `l`.`exact` <> `r`.`exact`
      OR (
        `l`.`v`[ORDINAL(1)] <> `r`.`v`[ORDINAL(1)]
        AND NOT COALESCE(
          NOT STARTS_WITH(SUBSTR(`l`.`v`[ORDINAL(1)], 2), 'raw ')
          AND NOT STARTS_WITH(SUBSTR(`r`.`v`[ORDINAL(1)], 2), 'raw ')
          AND ARRAY_LENGTH(
            REGEXP_EXTRACT_ALL(SUBSTR(`l`.`v`[ORDINAL(1)], 2), '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+')
          ) = ARRAY_LENGTH(
            REGEXP_EXTRACT_ALL(SUBSTR(`r`.`v`[ORDINAL(1)], 2), '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+')
          )
          AND (
            SELECT
              LOGICAL_AND(
                (
                  `le` = `re`
                  OR (
                    COALESCE(
                      (
                        ABS(
                          SAFE_SUBTRACT(
                            SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64),
                            SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64)
                          )
                        ) <= CAST('0.0' AS FLOAT64)
                        OR CAST(ABS(
                          SAFE_SUBTRACT(
                            SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64),
                            SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64)
                          )
                        ) AS FLOAT64) <= CAST('1e-09' AS FLOAT64) * GREATEST(
                          ABS(SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64)),
                          ABS(SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64))
                        )
                      )
                      AND GREATEST(
                        ABS(SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64)),
                        ABS(SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64))
                      ) <= CAST('1.7976931348623157e+308' AS FLOAT64),
                      FALSE
                    )
                    AND GREATEST(
                      ABS(SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64)),
                      ABS(SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64))
                    ) < CAST('9007199254740992.0' AS FLOAT64)
                  )
                )
              )
            FROM UNNEST(REGEXP_EXTRACT_ALL(SUBSTR(`l`.`v`[ORDINAL(1)], 2), '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+')) AS `le` WITH OFFSET AS `le_place`
            JOIN UNNEST(REGEXP_EXTRACT_ALL(SUBSTR(`r`.`v`[ORDINAL(1)], 2), '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+')) AS `re` WITH OFFSET AS `re_place`
              ON `le_place` = `re_place`
          ),
          FALSE
        )
      )
      OR (
        `l`.`v`[ORDINAL(3)] <> `r`.`v`[ORDINAL(3)]
        AND NOT COALESCE(
          ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`l`.`v`[ORDINAL(3)], 2), '$')) = ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`r`.`v`[ORDINAL(3)], 2), '$'))
          AND (
            SELECT
              LOGICAL_AND(
                (
                  NOT (
                    `le` IS DISTINCT FROM `re`
                  )
                  OR COALESCE(
                    ABS(SAFE_SUBTRACT(SAFE_CAST(`le` AS FLOAT64), SAFE_CAST(`re` AS FLOAT64))) <= CAST('0.5' AS FLOAT64),
                    FALSE
                  )
                )
              )
            FROM UNNEST(JSON_VALUE_ARRAY(SUBSTR(`l`.`v`[ORDINAL(3)], 2), '$')) AS `le` WITH OFFSET AS `le_place`
            JOIN UNNEST(JSON_VALUE_ARRAY(SUBSTR(`r`.`v`[ORDINAL(3)], 2), '$')) AS `re` WITH OFFSET AS `re_place`
              ON `le_place` = `re_place`
          ),
          FALSE
        )
      )
      OR (
        `l`.`v`[ORDINAL(6)] <> `r`.`v`[ORDINAL(6)]
        AND NOT COALESCE(
          ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`l`.`v`[ORDINAL(6)], 2), '$')) = ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`r`.`v`[ORDINAL(6)], 2), '$'))
          AND (
            SELECT
              LOGICAL_AND(
                (
                  NOT (
                    `le` IS DISTINCT FROM `re`
                  )
                  OR COALESCE(
                    ABS(SAFE_SUBTRACT(SAFE_CAST(`le` AS NUMERIC), SAFE_CAST(`re` AS NUMERIC))) <= CAST('1' AS NUMERIC),
                    FALSE
                  )
                )
              )
            FROM UNNEST(JSON_VALUE_ARRAY(SUBSTR(`l`.`v`[ORDINAL(6)], 2), '$')) AS `le` WITH OFFSET AS `le_place`
            JOIN UNNEST(JSON_VALUE_ARRAY(SUBSTR(`r`.`v`[ORDINAL(6)], 2), '$')) AS `re` WITH OFFSET AS `re_place`
              ON `le_place` = `re_place`
          ),
          FALSE
        )
      )
      OR (
        `l`.`v`[ORDINAL(12)] <> `r`.`v`[ORDINAL(12)]
        AND NOT COALESCE(
          ABS(
            SAFE_SUBTRACT(
              SAFE_CAST(SUBSTR(`l`.`v`[ORDINAL(12)], 2) AS BIGNUMERIC),
              SAFE_CAST(SUBSTR(`r`.`v`[ORDINAL(12)], 2) AS BIGNUMERIC)
            )
          ) <= CAST('0.00000000000000000001000000000000000000' AS BIGNUMERIC),
          FALSE
        )
      )
      OR (
        `l`.`v`[ORDINAL(17)] <> `r`.`v`[ORDINAL(17)]
        AND NOT COALESCE(
          (
            ABS(
              SAFE_SUBTRACT(
                SAFE_CAST(SUBSTR(`l`.`v`[ORDINAL(17)], 2) AS FLOAT64),
                SAFE_CAST(SUBSTR(`r`.`v`[ORDINAL(17)], 2) AS FLOAT64)
              )
            ) <= CAST('0.1' AS FLOAT64)
            OR CAST(ABS(
              SAFE_SUBTRACT(
                SAFE_CAST(SUBSTR(`l`.`v`[ORDINAL(17)], 2) AS FLOAT64),
                SAFE_CAST(SUBSTR(`r`.`v`[ORDINAL(17)], 2) AS FLOAT64)
              )
            ) AS FLOAT64) <= CAST('1e-09' AS FLOAT64) * GREATEST(
              ABS(SAFE_CAST(SUBSTR(`l`.`v`[ORDINAL(17)], 2) AS FLOAT64)),
              ABS(SAFE_CAST(SUBSTR(`r`.`v`[ORDINAL(17)], 2) AS FLOAT64))
            )
          )
          AND GREATEST(
            ABS(SAFE_CAST(SUBSTR(`l`.`v`[ORDINAL(17)], 2) AS FLOAT64)),
            ABS(SAFE_CAST(SUBSTR(`r`.`v`[ORDINAL(17)], 2) AS FLOAT64))
          ) <= CAST('1.7976931348623157e+308' AS FLOAT64),
          FALSE
        )
      )
      OR (
        `l`.`v`[ORDINAL(18)] <> `r`.`v`[ORDINAL(18)]
        AND NOT COALESCE(
          REGEXP_REPLACE(
            ST_ASTEXT(ST_GEOGFROMWKB(FROM_HEX(SUBSTR(`l`.`v`[ORDINAL(18)], 2)))),
            '-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?',
            '#'
          ) = REGEXP_REPLACE(
            ST_ASTEXT(ST_GEOGFROMWKB(FROM_HEX(SUBSTR(`r`.`v`[ORDINAL(18)], 2)))),
            '-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?',
            '#'
          )
          AND COALESCE(
            (
              SELECT
                LOGICAL_AND(
                  ST_DISTANCE(
                    ST_GEOGFROMTEXT(CONCAT('POINT(', `le`, ')')),
                    ST_GEOGFROMTEXT(CONCAT('POINT(', `re`, ')'))
                  ) <= CAST('1.0' AS FLOAT64)
                )
              FROM UNNEST(REGEXP_EXTRACT_ALL(
                ST_ASTEXT(ST_GEOGFROMWKB(FROM_HEX(SUBSTR(`l`.`v`[ORDINAL(18)], 2)))),
                '-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)? -?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?'
              )) AS `le` WITH OFFSET AS `le_place`
              JOIN UNNEST(REGEXP_EXTRACT_ALL(
                ST_ASTEXT(ST_GEOGFROMWKB(FROM_HEX(SUBSTR(`r`.`v`[ORDINAL(18)], 2)))),
                '-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)? -?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?'
              )) AS `re` WITH OFFSET AS `re_place`
                ON `le_place` = `re_place`
            ),
            TRUE
          ),
          FALSE
        )
      )
      OR (
        `l`.`v`[ORDINAL(19)] <> `r`.`v`[ORDINAL(19)]
        AND NOT COALESCE(
          ABS(
            SAFE_SUBTRACT(
              SAFE_CAST(SUBSTR(`l`.`v`[ORDINAL(19)], 2) AS NUMERIC),
              SAFE_CAST(SUBSTR(`r`.`v`[ORDINAL(19)], 2) AS NUMERIC)
            )
          ) <= CAST('1' AS NUMERIC),
          FALSE
        )
      )
    )
    THEN 'changed'
    WHEN NOT (
      `l`.`side` IS NULL OR `r`.`side` IS NULL
    )
    THEN 'near'
    WHEN COALESCE(`l`.`copies`, `r`.`copies`) > ABS(COALESCE(`l`.`net`, `r`.`net`))
    THEN 'multiplicity'
    WHEN `r`.`side` IS NULL
    THEN 'only_left'
    ELSE 'only_right'
  END AS `kind`,
  COALESCE(`l`.`key`, `r`.`key`) AS `key`,
  COALESCE(`l`.`nth`, `r`.`nth`) AS `nth`,
  COALESCE(`l`.`day`, `r`.`day`) AS `day`,
  COALESCE(`l`.`m`, `r`.`m`) AS `m`,
  COALESCE(GREATEST(`l`.`rivals`, `r`.`rivals`) > 1, FALSE) AS `ambiguous`,
  COALESCE(`l`.`expected`, FALSE) OR COALESCE(`r`.`expected`, FALSE) AS `expected`,
  COALESCE(`l`.`touches`, FALSE) OR COALESCE(`r`.`touches`, FALSE) AS `touches`,
  `l`.`v` AS `lv`,
  `r`.`v` AS `rv`
FROM (
  SELECT
    *
  FROM `ranked` AS `k`
  WHERE
    `side` = 1
) AS l
FULL OUTER JOIN (
  SELECT
    *
  FROM `ranked` AS `k`
  WHERE
    `side` = -1
) AS r
  ON `l`.`key` = `r`.`key` AND `l`.`nth` = `r`.`nth`;
WITH `cells` AS (
  SELECT
    *,
    CASE
      WHEN `i` IN (3)
      THEN IF(
        ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`a`, 2), '$')) = ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`b`, 2), '$')),
        (
          SELECT
            MAX(
              IF(
                GREATEST(ABS(SAFE_CAST(`le` AS FLOAT64)), ABS(SAFE_CAST(`re` AS FLOAT64))) <= CAST('1.7976931348623157e+308' AS FLOAT64),
                ABS(SAFE_SUBTRACT(SAFE_CAST(`le` AS FLOAT64), SAFE_CAST(`re` AS FLOAT64))),
                NULL
              )
            )
          FROM UNNEST(JSON_VALUE_ARRAY(SUBSTR(`a`, 2), '$')) AS `le` WITH OFFSET AS `le_place`
          JOIN UNNEST(JSON_VALUE_ARRAY(SUBSTR(`b`, 2), '$')) AS `re` WITH OFFSET AS `re_place`
            ON `le_place` = `re_place`
        ),
        NULL
      )
      WHEN `i` IN (6)
      THEN IF(
        ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`a`, 2), '$')) = ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`b`, 2), '$')),
        (
          SELECT
            MAX(
              CAST(ABS(SAFE_SUBTRACT(SAFE_CAST(`le` AS NUMERIC), SAFE_CAST(`re` AS NUMERIC))) AS FLOAT64)
            )
          FROM UNNEST(JSON_VALUE_ARRAY(SUBSTR(`a`, 2), '$')) AS `le` WITH OFFSET AS `le_place`
          JOIN UNNEST(JSON_VALUE_ARRAY(SUBSTR(`b`, 2), '$')) AS `re` WITH OFFSET AS `re_place`
            ON `le_place` = `re_place`
        ),
        NULL
      )
      WHEN `i` IN (8, 17)
      THEN IF(
        GREATEST(
          ABS(SAFE_CAST(SUBSTR(`a`, 2) AS FLOAT64)),
          ABS(SAFE_CAST(SUBSTR(`b`, 2) AS FLOAT64))
        ) <= CAST('1.7976931348623157e+308' AS FLOAT64),
        ABS(
          SAFE_SUBTRACT(SAFE_CAST(SUBSTR(`a`, 2) AS FLOAT64), SAFE_CAST(SUBSTR(`b`, 2) AS FLOAT64))
        ),
        NULL
      )
      WHEN `i` IN (11, 19, 22)
      THEN CAST(ABS(
        SAFE_SUBTRACT(SAFE_CAST(SUBSTR(`a`, 2) AS NUMERIC), SAFE_CAST(SUBSTR(`b`, 2) AS NUMERIC))
      ) AS FLOAT64)
      WHEN `i` IN (12)
      THEN CAST(ABS(
        SAFE_SUBTRACT(SAFE_CAST(SUBSTR(`a`, 2) AS BIGNUMERIC), SAFE_CAST(SUBSTR(`b`, 2) AS BIGNUMERIC))
      ) AS FLOAT64)
      WHEN `i` IN (15)
      THEN CAST(ABS(
        UNIX_DATE(SAFE_CAST(SUBSTR(`a`, 2) AS DATE)) - UNIX_DATE(SAFE_CAST(SUBSTR(`b`, 2) AS DATE))
      ) AS FLOAT64)
      WHEN `i` IN (16)
      THEN CAST(ABS(
        DATETIME_DIFF(
          SAFE_CAST(SUBSTR(`a`, 2) AS DATETIME),
          SAFE_CAST(SUBSTR(`b`, 2) AS DATETIME),
          MICROSECOND
        )
      ) AS FLOAT64)
    END AS `delta`,
    GREATEST(
      ABS(SAFE_CAST(SUBSTR(`a`, 2) AS FLOAT64)),
      ABS(SAFE_CAST(SUBSTR(`b`, 2) AS FLOAT64))
    ) AS `size`,
    CASE
      WHEN `i` IN (8, 17)
      THEN SAFE_CAST(SUBSTR(`a`, 2) AS FLOAT64) < SAFE_CAST(SUBSTR(`b`, 2) AS FLOAT64)
      WHEN `i` IN (11, 19, 22)
      THEN SAFE_CAST(SUBSTR(`a`, 2) AS NUMERIC) < SAFE_CAST(SUBSTR(`b`, 2) AS NUMERIC)
      WHEN `i` IN (12)
      THEN SAFE_CAST(SUBSTR(`a`, 2) AS BIGNUMERIC) < SAFE_CAST(SUBSTR(`b`, 2) AS BIGNUMERIC)
      WHEN `i` IN (15)
      THEN SAFE_CAST(SUBSTR(`a`, 2) AS DATE) < SAFE_CAST(SUBSTR(`b`, 2) AS DATE)
      WHEN `i` IN (16)
      THEN SAFE_CAST(SUBSTR(`a`, 2) AS DATETIME) < SAFE_CAST(SUBSTR(`b`, 2) AS DATETIME)
    END AS `rises`,
    CASE
      WHEN `i` = 1
      THEN COALESCE(
        NOT STARTS_WITH(SUBSTR(`a`, 2), 'raw ')
        AND NOT STARTS_WITH(SUBSTR(`b`, 2), 'raw ')
        AND ARRAY_LENGTH(
          REGEXP_EXTRACT_ALL(SUBSTR(`a`, 2), '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+')
        ) = ARRAY_LENGTH(
          REGEXP_EXTRACT_ALL(SUBSTR(`b`, 2), '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+')
        )
        AND (
          SELECT
            LOGICAL_AND(
              (
                `le` = `re`
                OR (
                  COALESCE(
                    (
                      ABS(
                        SAFE_SUBTRACT(
                          SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64),
                          SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64)
                        )
                      ) <= CAST('0.0' AS FLOAT64)
                      OR CAST(ABS(
                        SAFE_SUBTRACT(
                          SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64),
                          SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64)
                        )
                      ) AS FLOAT64) <= CAST('1e-09' AS FLOAT64) * GREATEST(
                        ABS(SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64)),
                        ABS(SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64))
                      )
                    )
                    AND GREATEST(
                      ABS(SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64)),
                      ABS(SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64))
                    ) <= CAST('1.7976931348623157e+308' AS FLOAT64),
                    FALSE
                  )
                  AND GREATEST(
                    ABS(SAFE_CAST(REGEXP_EXTRACT(`le`, '^(-?[0-9].*)$') AS FLOAT64)),
                    ABS(SAFE_CAST(REGEXP_EXTRACT(`re`, '^(-?[0-9].*)$') AS FLOAT64))
                  ) < CAST('9007199254740992.0' AS FLOAT64)
                )
              )
            )
          FROM UNNEST(REGEXP_EXTRACT_ALL(SUBSTR(`a`, 2), '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+')) AS `le` WITH OFFSET AS `le_place`
          JOIN UNNEST(REGEXP_EXTRACT_ALL(SUBSTR(`b`, 2), '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+')) AS `re` WITH OFFSET AS `re_place`
            ON `le_place` = `re_place`
        ),
        FALSE
      )
      WHEN `i` = 3
      THEN COALESCE(
        ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`a`, 2), '$')) = ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`b`, 2), '$'))
        AND (
          SELECT
            LOGICAL_AND(
              (
                NOT (
                  `le` IS DISTINCT FROM `re`
                )
                OR COALESCE(
                  ABS(SAFE_SUBTRACT(SAFE_CAST(`le` AS FLOAT64), SAFE_CAST(`re` AS FLOAT64))) <= CAST('0.5' AS FLOAT64),
                  FALSE
                )
              )
            )
          FROM UNNEST(JSON_VALUE_ARRAY(SUBSTR(`a`, 2), '$')) AS `le` WITH OFFSET AS `le_place`
          JOIN UNNEST(JSON_VALUE_ARRAY(SUBSTR(`b`, 2), '$')) AS `re` WITH OFFSET AS `re_place`
            ON `le_place` = `re_place`
        ),
        FALSE
      )
      WHEN `i` = 6
      THEN COALESCE(
        ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`a`, 2), '$')) = ARRAY_LENGTH(JSON_VALUE_ARRAY(SUBSTR(`b`, 2), '$'))
        AND (
          SELECT
            LOGICAL_AND(
              (
                NOT (
                  `le` IS DISTINCT FROM `re`
                )
                OR COALESCE(
                  ABS(SAFE_SUBTRACT(SAFE_CAST(`le` AS NUMERIC), SAFE_CAST(`re` AS NUMERIC))) <= CAST('1' AS NUMERIC),
                  FALSE
                )
              )
            )
          FROM UNNEST(JSON_VALUE_ARRAY(SUBSTR(`a`, 2), '$')) AS `le` WITH OFFSET AS `le_place`
          JOIN UNNEST(JSON_VALUE_ARRAY(SUBSTR(`b`, 2), '$')) AS `re` WITH OFFSET AS `re_place`
            ON `le_place` = `re_place`
        ),
        FALSE
      )
      WHEN `i` = 12
      THEN COALESCE(
        ABS(
          SAFE_SUBTRACT(SAFE_CAST(SUBSTR(`a`, 2) AS BIGNUMERIC), SAFE_CAST(SUBSTR(`b`, 2) AS BIGNUMERIC))
        ) <= CAST('0.00000000000000000001000000000000000000' AS BIGNUMERIC),
        FALSE
      )
      WHEN `i` = 17
      THEN COALESCE(
        (
          ABS(
            SAFE_SUBTRACT(SAFE_CAST(SUBSTR(`a`, 2) AS FLOAT64), SAFE_CAST(SUBSTR(`b`, 2) AS FLOAT64))
          ) <= CAST('0.1' AS FLOAT64)
          OR CAST(ABS(
            SAFE_SUBTRACT(SAFE_CAST(SUBSTR(`a`, 2) AS FLOAT64), SAFE_CAST(SUBSTR(`b`, 2) AS FLOAT64))
          ) AS FLOAT64) <= CAST('1e-09' AS FLOAT64) * GREATEST(
            ABS(SAFE_CAST(SUBSTR(`a`, 2) AS FLOAT64)),
            ABS(SAFE_CAST(SUBSTR(`b`, 2) AS FLOAT64))
          )
        )
        AND GREATEST(
          ABS(SAFE_CAST(SUBSTR(`a`, 2) AS FLOAT64)),
          ABS(SAFE_CAST(SUBSTR(`b`, 2) AS FLOAT64))
        ) <= CAST('1.7976931348623157e+308' AS FLOAT64),
        FALSE
      )
      WHEN `i` = 18
      THEN COALESCE(
        REGEXP_REPLACE(
          ST_ASTEXT(ST_GEOGFROMWKB(FROM_HEX(SUBSTR(`a`, 2)))),
          '-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?',
          '#'
        ) = REGEXP_REPLACE(
          ST_ASTEXT(ST_GEOGFROMWKB(FROM_HEX(SUBSTR(`b`, 2)))),
          '-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?',
          '#'
        )
        AND COALESCE(
          (
            SELECT
              LOGICAL_AND(
                ST_DISTANCE(
                  ST_GEOGFROMTEXT(CONCAT('POINT(', `le`, ')')),
                  ST_GEOGFROMTEXT(CONCAT('POINT(', `re`, ')'))
                ) <= CAST('1.0' AS FLOAT64)
              )
            FROM UNNEST(REGEXP_EXTRACT_ALL(
              ST_ASTEXT(ST_GEOGFROMWKB(FROM_HEX(SUBSTR(`a`, 2)))),
              '-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)? -?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?'
            )) AS `le` WITH OFFSET AS `le_place`
            JOIN UNNEST(REGEXP_EXTRACT_ALL(
              ST_ASTEXT(ST_GEOGFROMWKB(FROM_HEX(SUBSTR(`b`, 2)))),
              '-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)? -?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?'
            )) AS `re` WITH OFFSET AS `re_place`
              ON `le_place` = `re_place`
          ),
          TRUE
        ),
        FALSE
      )
      WHEN `i` = 19
      THEN COALESCE(
        ABS(
          SAFE_SUBTRACT(SAFE_CAST(SUBSTR(`a`, 2) AS NUMERIC), SAFE_CAST(SUBSTR(`b`, 2) AS NUMERIC))
        ) <= CAST('1' AS NUMERIC),
        FALSE
      )
      ELSE FALSE
    END AS `near`
  FROM (
    SELECT
      `key`,
      `nth`,
      `i`,
      `lv`[ORDINAL(`i`)] AS `a`,
      `rv`[ORDINAL(`i`)] AS `b`
    FROM `pairs` AS `p`
    CROSS JOIN UNNEST(GENERATE_ARRAY(1, 24)) AS `i`
    WHERE
      `kind` IN ('changed', 'near') AND `lv`[ORDINAL(`i`)] <> `rv`[ORDINAL(`i`)]
  ) AS d
)
SELECT
  'total' AS `told`,
  COUNTIF(`ambiguous` AND `nth` = 1) AS `i`,
  `kind` AS `s`,
  CAST(NULL AS STRING) AS `a`,
  CAST(NULL AS STRING) AS `b`,
  COUNT(*) AS `n`,
  COUNTIF(`touches`) AS `m`,
  COUNTIF(`expected`) AS `o`,
  COUNTIF(NOT `lv` IS NULL) AS `p`,
  CAST(NULL AS INT64) AS `q`,
  CAST(COUNTIF(`ambiguous`) AS FLOAT64) AS `x`,
  CAST(NULL AS FLOAT64) AS `y`,
  CAST(NULL AS FLOAT64) AS `z`
FROM `pairs` AS `p`
GROUP BY
  `kind`
UNION ALL
SELECT
  'row' AS `told`,
  `place` AS `i`,
  `key` AS `s`,
  IF(
    `lv` IS NULL,
    NULL,
    TO_JSON_STRING(
      ARRAY(
        SELECT
          SUBSTR(`q`.`lv`[ORDINAL(`place_in_row`)], 1, 2000)
        FROM UNNEST(GENERATE_ARRAY(1, 24)) AS `place_in_row`
        ORDER BY
          `place_in_row` ASC
      )
    )
  ) AS `a`,
  IF(
    `rv` IS NULL,
    NULL,
    TO_JSON_STRING(
      ARRAY(
        SELECT
          SUBSTR(`q`.`rv`[ORDINAL(`place_in_row`)], 1, 2000)
        FROM UNNEST(GENERATE_ARRAY(1, 24)) AS `place_in_row`
        ORDER BY
          `place_in_row` ASC
      )
    )
  ) AS `b`,
  NULL AS `n`,
  NULL AS `m`,
  NULL AS `o`,
  NULL AS `p`,
  NULL AS `q`,
  NULL AS `x`,
  NULL AS `y`,
  NULL AS `z`
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY `kind` ORDER BY `key` ASC, `nth` ASC) AS `place`
  FROM `pairs` AS `p`
  WHERE
    `kind` IN ('only_left', 'only_right', 'multiplicity')
) AS q
WHERE
  `place` <= 5
UNION ALL
SELECT
  'day' AS `told`,
  NULL AS `i`,
  `d` AS `s`,
  NULL AS `a`,
  NULL AS `b`,
  `n` AS `n`,
  NULL AS `m`,
  NULL AS `o`,
  NULL AS `p`,
  NULL AS `q`,
  NULL AS `x`,
  NULL AS `y`,
  NULL AS `z`
FROM (
  SELECT
    CAST(`day` AS STRING) AS `d`,
    COUNT(*) AS `n`
  FROM `pairs` AS `p`
  WHERE
    `kind` <> 'near' AND NOT `day` IS NULL
  GROUP BY
    `day`
  ORDER BY
    `day` ASC
  LIMIT 5000
) AS g
UNION ALL
SELECT
  'value' AS `told`,
  0 AS `i`,
  `v` AS `s`,
  NULL AS `a`,
  NULL AS `b`,
  `n` AS `n`,
  NULL AS `m`,
  NULL AS `o`,
  NULL AS `p`,
  NULL AS `q`,
  NULL AS `x`,
  NULL AS `y`,
  NULL AS `z`
FROM (
  SELECT
    `m`[ORDINAL(1)] AS `v`,
    COUNT(*) AS `n`
  FROM `pairs` AS `p`
  WHERE
    `kind` <> 'near'
  GROUP BY
    `v`
  ORDER BY
    `n` DESC,
    `v` ASC
  LIMIT 20
) AS g
UNION ALL
SELECT
  'column' AS `told`,
  `i` AS `i`,
  NULL AS `s`,
  NULL AS `a`,
  NULL AS `b`,
  COUNTIF(NOT `near`) AS `n`,
  COUNTIF(`near`) AS `m`,
  COUNTIF(`a` = '' OR `b` = '') AS `o`,
  COUNTIF(`rises`) AS `p`,
  COUNTIF(`b` = '') AS `q`,
  MAX(`delta`) AS `x`,
  AVG(`delta`) AS `y`,
  MAX(SAFE_DIVIDE(`delta`, `size`)) AS `z`
FROM `cells` AS `c`
GROUP BY
  `i`
UNION ALL
SELECT
  'bucket' AS `told`,
  `i` AS `i`,
  NULL AS `s`,
  NULL AS `a`,
  NULL AS `b`,
  COUNT(*) AS `n`,
  `e` AS `m`,
  NULL AS `o`,
  NULL AS `p`,
  NULL AS `q`,
  NULL AS `x`,
  NULL AS `y`,
  NULL AS `z`
FROM (
  SELECT
    `i`,
    CAST(FLOOR(LOG(`delta`, 10)) AS INT64) AS `e`
  FROM `cells` AS `c`
  WHERE
    `delta` > 0
) AS g
GROUP BY
  `i`,
  `e`
UNION ALL
SELECT
  'cell' AS `told`,
  `i` AS `i`,
  `key` AS `s`,
  SUBSTR(`a`, 1, 2000) AS `a`,
  SUBSTR(`b`, 1, 2000) AS `b`,
  `place` AS `n`,
  NULL AS `m`,
  NULL AS `o`,
  NULL AS `p`,
  NULL AS `q`,
  NULL AS `x`,
  NULL AS `y`,
  NULL AS `z`
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY `i`
      ORDER BY `near` ASC, COALESCE(`delta`, -1) DESC, `key` ASC, `nth` ASC
    ) AS `place`
  FROM `cells` AS `c`
) AS q
WHERE
  `place` <= 5
